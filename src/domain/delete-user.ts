/** Deletes a user, with everything that is only its own. */
import { ProblemError } from '../errors.js'
import { deleteUser as deleteRows } from '../db/accounts.js'
import { recordEvents } from '../db/audit.js'
import type { Transaction } from '../db/database.js'
import type { OwnedTable } from '../db/names.js'
import { readReferences } from '../db/references.js'
import { activeSuperusers, lockSuperuserGuard, lockUsers, readUsers, type StoredUser } from '../db/users.js'
import { applied, type Deed, refused } from './audit.js'
import type { Caller } from './callers.js'
import type { Precondition } from './precondition.js'
import { deletionRefusalOf } from './privileges.js'
import { admit, bodilessProblem, namesFor, reasonOf, tellInUse } from './refusals.js'
import { shownValue, WRITABLE_FIELDS, type WritableField } from './user.js'

export interface Deletion {
  caller: Caller
  requestId: string
  id: number
  /** Tables whose rows go with their user. */
  owned: readonly OwnedTable[]
  /** What must hold of the user under its lock. */
  precondition?: Precondition<StoredUser> | undefined
}

/**
 * @returns why it was not deleted; undefined where it was
 * @throws ProblemError where there is no such user (404), where other tables refer to it (409), or where the caller may not
 *   make this request any more
 */
export async function deleteUser(
  transaction: Transaction,
  { caller, requestId, id, owned, precondition }: Deletion,
): Promise<ProblemError | undefined> {
  const [actor, [seen]] = await Promise.all([admit(transaction, caller), readUsers(transaction, [id])])
  // Before all other locks, and for nobody else: one such change at a time.
  const mayBeLast = seen !== undefined && isActiveSuperuser(seen)
  if (mayBeLast) await lockSuperuserGuard(transaction)
  await lockUsers(transaction, [id])
  const [user] = await readUsers(transaction, [id])
  if (user === undefined) throw new ProblemError('not_found')
  // It takes every privilege.
  const failure = precondition?.failureOf(user, WRITABLE_FIELDS)
  if (failure !== undefined) return failure
  // It became one since it was seen. Should somebody hold the guard and wait for the row, one of both begins anew.
  if (isActiveSuperuser(user) && !mayBeLast) await lockSuperuserGuard(transaction)

  const deed: Deed = { actor, requestId, action: 'user.delete', targetId: id }
  const targetPermissions = await permissionsOf(transaction, id)
  const refusal = deletionRefusalOf({ actor, target: user, targetPermissions })
  if (refusal !== undefined) {
    const problem = bodilessProblem(refusal, await namesFor(transaction, [refusal]), 'delete this user')
    recordEvents(transaction, [refused(deed, reasonOf(refusal, problem))])
    return problem
  }
  if (isActiveSuperuser(user) && !(await isAnySuperuserBeside(transaction, id))) {
    recordEvents(transaction, [refused(deed, { code: 'last_superuser' })])
    return new ProblemError('last_superuser', { detail: 'No active superuser would remain.' })
  }
  await deleteRows(transaction, id, owned).catch(tellInUse('user'))
  const shown = (field: WritableField) => shownValue(user, field)
  recordEvents(transaction, [applied(deed, WRITABLE_FIELDS, shown, () => null)])
  return undefined
}

const isActiveSuperuser = ({ is_superuser, is_active }: StoredUser): boolean => is_superuser && is_active

async function permissionsOf(transaction: Transaction, id: number): Promise<Set<number>> {
  const none = new Set<never>()
  const { effectivePermissionsOf } = await readReferences(transaction, {
    userIds: new Set([id]),
    effectiveOf: new Set([id]),
    groupIds: none,
    permissionIds: none,
    usernames: none,
    permissionsOfGroups: none,
  })
  return effectivePermissionsOf.get(id)!
}

async function isAnySuperuserBeside(transaction: Transaction, id: number): Promise<boolean> {
  const some = await activeSuperusers(transaction, 2)
  return some.some((other) => other !== id)
}
