/** Makes a user: decided as an update of an empty one, so that every rule for updates holds. */
import { type Fault, USER_DEFAULTS } from '../../schemas/index.js'
import { invalid, ProblemError } from '../errors.js'
import { insertUser } from '../db/accounts.js'
import type { AuditEvent } from '../db/audit.js'
import type { Transaction } from '../db/database.js'
import { readReferences } from '../db/references.js'
import { readUsers, type StoredUser } from '../db/users.js'
import { writeUsers } from '../db/write-users.js'
import type { Actor } from './actor.js'
import { applied, type Deed, refused } from './audit.js'
import { parseDateTime } from './date-time.js'
import { type Change, type Decision, decideUpdate, type Update } from './decide-update.js'
import type { Precondition } from './precondition.js'
import { admit, deniedProblem, namesFor, reasonOf } from './refusals.js'
import { referencesOf } from './update-references.js'
import type { Outcome } from './update-users.js'
import { shownValue, type WritableField } from './user.js'

/** A user to be made: validated, and its password hashed. */
export type Creation = Pick<Update, 'caller' | 'requestId' | 'sent' | 'patch' | 'encodedPassword'> & {
  /** What must hold of a user who has the name already. */
  precondition?: Precondition<StoredUser> | undefined
}

/** No user has this id. */
const NOBODY = 0

const DENIED = 'You do not have permission to make a user with these fields.'

/** A user before it is made: every field at its default. */
export const emptyUser = (): StoredUser => ({
  ...(USER_DEFAULTS as unknown as StoredUser),
  groups: [],
  user_permissions: [],
  id: NOBODY,
  username: '',
  password: '',
  date_joined: parseDateTime(new Date().toISOString())!,
})

/**
 * @returns the new user, or why it was not made
 * @throws ProblemError where the body is not valid (400) or the caller may not make this request any more; what the database
 *   reports, such as a username that was taken meanwhile
 */
export async function createUser(transaction: Transaction, creation: Creation): Promise<Outcome> {
  const actor = await admit(transaction, creation.caller)
  const decision = await decide(transaction, actor, creation)
  const deed: Deed = { actor, requestId: creation.requestId, action: 'user.create', targetId: null }
  if (decision.kind === 'invalid') throw invalid(decision.faults)
  if (decision.kind === 'not applicable') return { problem: decision.problem }
  if (decision.kind === 'denied') {
    const problem = deniedProblem(decision.refusal, await namesFor(transaction, [decision.refusal]), DENIED)
    const username = creation.patch.username
    write(transaction, refused(deed, { ...reasonOf(decision.refusal, problem), username }))
    return { problem }
  }
  if (decision.kind !== 'changed') throw new ProblemError('internal_error')
  const { groups: _groups, user_permissions: _permissions, id: _none, ...columns } = decision.after
  const user = { ...decision.after, id: await insertUser(transaction, columns) }
  const made = { ...deed, targetId: user.id }
  const shown = (field: WritableField) => shownValue(user, field)
  write(
    transaction,
    applied(made, decision.changed, () => null, shown),
    user,
  )
  return { user }
}

/** The faults of a creation that only the database knows. Writes nothing. */
export async function findCreationFaults(transaction: Transaction, creation: Creation): Promise<Fault[]> {
  const actor = await admit(transaction, creation.caller)
  const decision = await decide(transaction, actor, creation)
  return decision.kind === 'invalid' ? decision.faults : []
}

async function decide(
  transaction: Transaction,
  actor: Actor,
  { precondition, sent, patch, encodedPassword }: Creation,
): Promise<Decision> {
  const change = { sent, patch, encodedPassword }
  const references = await readReferences(transaction, referencesOf([{ ...change, id: NOBODY }], [actor]))
  const holder = references.takenBy.get(patch.username ?? '')
  if (precondition !== undefined && holder !== undefined) {
    const [user] = await readUsers(transaction, [holder])
    const problem = user && precondition.failureOf(user, ['username'])
    if (problem !== undefined) return { kind: 'not applicable', problem }
  }
  return withoutMask(change, decideUpdate(actor, change, emptyUser(), references))
}

/** There is no password yet that a mask could stand for. */
function withoutMask({ patch, encodedPassword }: Change, decision: Decision): Decision {
  if (patch.password === undefined || encodedPassword !== undefined) return decision
  const detail = 'A new user has no password that a mask could stand for.'
  const others = decision.kind === 'invalid' ? decision.faults : []
  return {
    kind: 'invalid',
    faults: [
      { pointer: '/password', code: 'mask', detail },
      ...others.filter(({ pointer }) => pointer !== '/password'),
    ],
  }
}

function write(transaction: Transaction, event: AuditEvent, user?: StoredUser): void {
  const members = (ids: readonly number[] = []) => ids.map((id) => ({ user_id: user!.id, member_of: id }))
  writeUsers(transaction, {
    users: new Map(),
    groupsLeft: [],
    groupsJoined: members(user?.groups),
    permissionsTaken: [],
    permissionsGiven: members(user?.user_permissions),
    events: [event],
  })
}
