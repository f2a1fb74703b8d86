/** What an update would do: it is done, looked at, and taken back by whoever runs the transaction. */
import { REVOCABLE, type Revocable } from '../../schemas/index.js'
import type { ProblemError } from '../errors.js'
import type { Transaction } from '../db/database.js'
import { heldPermissionNames } from '../db/permissions.js'
import { countCredentials } from '../db/revocations.js'
import { lockSuperuserGuard, lockUsers, readUsers, type StoredUser } from '../db/users.js'
import { added, couldRemoveSuperuser, isSame, type Update } from './decide-update.js'
import { admit } from './refusals.js'
import { updateUsers } from './update-users.js'
import { shownValue, WRITABLE_FIELDS } from './user.js'

/** What an update did. */
export interface Rehearsal {
  before: StoredUser
  after: StoredUser
  /** Field → its value before and after, as anyone may see it. */
  changes: Record<string, [unknown, unknown]>
  /** Sessions in Django hold an HMAC of the stored password, and those of inactive users count for nothing. */
  sessionsEnd: boolean
  permissionsGained: string[]
  permissionsLost: string[]
  revoked: Record<Revocable, number>
}

/** What of a user an update may have an effect on. */
interface State {
  user: StoredUser | undefined
  permissions: string[]
  credentials: Record<Revocable, number>
}

/**
 * Does an update as `updateUsers` does, and tells what came of it.
 * @param revocable what the service can revoke
 */
export async function rehearseUpdate(
  transaction: Transaction,
  update: Update,
  revocable: readonly Revocable[],
): Promise<Rehearsal | { problem: ProblemError }> {
  // Nobody holds a lock for whom it is not.
  await admit(transaction, update.caller)
  // In the order of `updateUsers`, which takes them again: nothing changes between this look and that.
  if (couldRemoveSuperuser(update)) await lockSuperuserGuard(transaction)
  await lockUsers(transaction, [update.id])
  const before = await look(transaction, update.id, revocable)
  const [outcome] = await updateUsers(transaction, [update], { revocable })
  if ('problem' in outcome!) return outcome
  await transaction.flush()
  const after = await look(transaction, update.id, revocable)
  return { ...difference(before, after), before: before.user!, after: after.user! }
}

async function look(transaction: Transaction, id: number, revocable: readonly Revocable[]): Promise<State> {
  const count = async (kind: Revocable) =>
    revocable.includes(kind) ? countCredentials(transaction, kind, id) : 0
  const [[user], permissions, keys, tokens] = await Promise.all([
    readUsers(transaction, [id]),
    heldPermissionNames(transaction, id),
    ...REVOCABLE.map(count),
  ])
  return { user, permissions, credentials: { keys: keys!, tokens: tokens! } }
}

function difference(earlier: State, later: State): Omit<Rehearsal, 'before' | 'after'> {
  const before = earlier.user!
  const after = later.user!
  const changed = WRITABLE_FIELDS.filter((field) => !isSame(before[field], after[field]))
  return {
    changes: Object.fromEntries(
      changed.map((field) => [field, [shownValue(before, field), shownValue(after, field)]]),
    ),
    sessionsEnd: before.password !== after.password || (before.is_active && !after.is_active),
    permissionsGained: added(earlier.permissions, later.permissions),
    permissionsLost: added(later.permissions, earlier.permissions),
    revoked: {
      keys: earlier.credentials.keys - later.credentials.keys,
      tokens: earlier.credentials.tokens - later.credentials.tokens,
    },
  }
}
