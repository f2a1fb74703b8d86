/** Makes, changes and deletes groups, each inside one transaction. */
import type { Fault } from '../../schemas/index.js'
import { invalid, ProblemError } from '../errors.js'
import { recordEvents } from '../db/audit.js'
import type { Transaction } from '../db/database.js'
import {
  deleteGroup as deleteRows,
  type GroupFacts,
  insertGroup,
  lockGroup,
  readGroup,
  readGroupFacts,
  readMembers,
  type StoredGroup,
  writeGroup,
} from '../db/groups.js'
import type { Actor } from './actor.js'
import { applied, type Deed, refused } from './audit.js'
import type { Caller } from './callers.js'
import {
  decideGroup,
  GROUP_WRITABLE,
  type GroupChange,
  type GroupDecision,
  wantedGroup,
} from './decide-group.js'
import { added } from './decide-update.js'
import type { Precondition } from './precondition.js'
import { groupRefusalOf } from './privileges.js'
import { fieldsOf, revised } from './revision.js'
import { admit, bodilessProblem, deniedProblem, namesFor, reasonOf, tellInUse } from './refusals.js'

/** Who wants something of which group. */
export interface GroupRequest {
  caller: Caller
  requestId: string
  /** Undefined for one that is to be made. */
  id?: number
  /** What must hold of the group under its lock; of one that is to be made, of whichever has the name already. */
  precondition?: Precondition<StoredGroup> | undefined
}

/** What became of it: the group as it is now, or why nothing was done. */
export type GroupOutcome = { group: StoredGroup } | { problem: ProblemError }

const DENIED = 'You do not have permission to change these fields of this group.'

/** No group has this id. */
const NOTHING: StoredGroup = { id: 0, name: '', permissions: [] }

/**
 * Makes a group, or changes one.
 * @throws ProblemError where there is no such group (404), where the body is not valid (400), or where the caller may not make
 *   this request any more; what the database reports, such as a name that was taken meanwhile
 */
export async function writeGroupChange(
  transaction: Transaction,
  request: GroupRequest,
  change: GroupChange,
): Promise<GroupOutcome> {
  const { actor, before, decision } = await decide(transaction, request, change)
  if (decision.kind === 'not applicable') return { problem: decision.problem }
  const isNew = request.id === undefined
  const deed: Deed = {
    actor,
    requestId: request.requestId,
    action: isNew ? 'group.create' : 'group.update',
    targetId: request.id ?? null,
  }
  if (decision.kind === 'invalid') throw invalid(decision.faults)
  if (decision.kind === 'unchanged') return { group: before }
  if (decision.kind === 'denied') {
    const problem = deniedProblem(decision.refusal, await namesFor(transaction, [decision.refusal]), DENIED)
    recordEvents(transaction, [refused(deed, reasonOf(decision.refusal, problem))])
    return { problem }
  }
  const { after, changed } = decision
  const id = isNew ? await insertGroup(transaction, after.name) : before.id
  writeGroup(transaction, id, {
    name: !isNew && changed.includes('name') ? after.name : undefined,
    taken: added(after.permissions, before.permissions),
    given: added(before.permissions, after.permissions),
  })
  const made = { ...deed, targetId: id }
  recordEvents(transaction, [
    applied(
      made,
      changed,
      (field) => (isNew ? null : before[field]),
      (field) => after[field],
    ),
  ])
  return { group: { ...after, id } }
}

/**
 * The faults of a change that only the database knows. Writes nothing.
 * @throws ProblemError as `writeGroupChange`
 */
export async function findGroupFaults(
  transaction: Transaction,
  request: GroupRequest,
  change: GroupChange,
): Promise<Fault[]> {
  const { decision } = await decide(transaction, request, change)
  return decision.kind === 'invalid' ? decision.faults : []
}

/**
 * Deletes a group; its members lose what it conferred.
 * @returns why it was not deleted; undefined where it was
 * @throws ProblemError where there is no such group (404), where other tables refer to it (409), or where the caller may not
 *   make this request any more
 */
export async function deleteGroup(
  transaction: Transaction,
  request: GroupRequest & { id: number },
): Promise<ProblemError | undefined> {
  const { actor, group } = await lock(transaction, request)
  // It takes what the group conferred.
  const failure = request.precondition?.failureOf(group, GROUP_WRITABLE)
  if (failure !== undefined) return failure
  const { isMember } = await readGroupFacts(transaction, { ...group, userId: actor.id })
  const deed: Deed = { actor, requestId: request.requestId, action: 'group.delete', targetId: group.id }
  const changed = group.permissions.length > 0 ? ['permissions'] : []
  const refusal = groupRefusalOf({ actor, changed, isMember, addedPermissions: [] })
  if (refusal !== undefined) {
    const problem = bodilessProblem(refusal, await namesFor(transaction, [refusal]), 'delete this group')
    recordEvents(transaction, [refused(deed, reasonOf(refusal, problem))])
    return problem
  }
  const users = await readMembers(transaction, group.id)
  await deleteRows(transaction, group.id).catch(tellInUse('group'))
  recordEvents(transaction, [
    applied(
      deed,
      [...GROUP_WRITABLE, 'users'] as const,
      (field) => (field === 'users' ? users : group[field]),
      () => null,
    ),
  ])
  return undefined
}

/** Locks, reads and decides; writes nothing. */
async function decide(
  transaction: Transaction,
  request: GroupRequest,
  change: GroupChange,
): Promise<{ actor: Actor; before: StoredGroup; decision: GroupDecision }> {
  const { id } = request
  const { actor, group: before } =
    id === undefined
      ? { actor: await admit(transaction, request.caller), group: NOTHING }
      : await lock(transaction, { ...request, id })
  const notApplicable = (problem: ProblemError) => ({
    actor,
    before,
    decision: { kind: 'not applicable', problem } as const,
  })
  const failure = id === undefined ? undefined : request.precondition?.failureOf(before, fieldsOf(change))
  if (failure !== undefined) return notApplicable(failure)
  const ready = revised(change, before)
  if ('problem' in ready) return notApplicable(ready.problem)
  const { name } = wantedGroup(ready, before)
  const permissions = ready.patch.permissions ?? []
  const facts = await readGroupFacts(transaction, { id: before.id, name, permissions, userId: actor.id })
  const problem = id === undefined ? await namesakeProblem(transaction, request, facts) : undefined
  if (problem !== undefined) return notApplicable(problem)
  return { actor, before, decision: decideGroup(actor, ready, before, facts) }
}

/** What the condition of a new group says of the one that has its name. */
async function namesakeProblem(
  transaction: Transaction,
  { precondition }: GroupRequest,
  { namesake }: GroupFacts,
): Promise<ProblemError | undefined> {
  if (precondition === undefined || namesake === null) return undefined
  const group = await readGroup(transaction, namesake)
  return group && precondition.failureOf(group, ['name'])
}

/** @throws ProblemError where there is no such group */
async function lock(transaction: Transaction, { caller, id }: GroupRequest & { id: number }) {
  const [actor, , group] = await Promise.all([
    admit(transaction, caller),
    lockGroup(transaction, id),
    readGroup(transaction, id),
  ])
  if (group === undefined) throw new ProblemError('not_found')
  return { actor, group }
}
