/** The heart: applies updates to users, one or many at once, inside one transaction. */
import type { Fault } from '../../schemas/index.js'
import { invalid, ProblemError } from '../errors.js'
import type { Transaction } from '../db/database.js'
import { permissionNames, readReferences, type ReferenceQuery } from '../db/references.js'
import {
  activeSuperusers,
  lockSuperuserGuard,
  lockUsers,
  type StoredUser,
  type UserColumns,
} from '../db/users.js'
import { type AuditEvent, type Membership, type UserWrites, writeUsers } from '../db/write-users.js'
import {
  added,
  couldRemoveSuperuser,
  type Decision,
  decideUpdate,
  removesSuperuser,
  type Update,
} from './decide-update.js'
import { concernsTakeover } from './privileges.js'
import { presentUser } from './user.js'

/** What became of one update: the user as it is now, or why nothing was done. */
export type Outcome = { user: StoredUser } | { problem: ProblemError }

/**
 * Applies updates, at most one a user. What the rules refuse is refused alone; the others are written together.
 * Nothing holds until the transaction is committed, and no outcome may be told before.
 * @returns the outcomes, in the order of the updates
 * @throws what the database reports; then none was written
 */
export async function updateUsers(transaction: Transaction, updates: readonly Update[]): Promise<Outcome[]> {
  const decisions = await decideUpdates(transaction, updates)
  const writes: UserWrites = {
    users: [],
    groupsLeft: [],
    groupsJoined: [],
    permissionsTaken: [],
    permissionsGiven: [],
    events: [],
  }
  const outcomes: Outcome[] = []
  for (const [index, decision] of decisions.entries()) {
    const outcome = await outcomeOf(transaction, decision)
    outcomes.push(outcome)
    note(writes, updates[index]!, decision, outcome)
  }
  writeUsers(transaction, writes)
  return outcomes
}

/** Locks, reads and decides; writes nothing. */
async function decideUpdates(transaction: Transaction, updates: readonly Update[]): Promise<Decision[]> {
  const guarded = updates.some(couldRemoveSuperuser) ? lockSuperuserGuard(transaction) : undefined
  // Sent together, done in this order: what is read is read after the locks were granted.
  const [locked, references] = await Promise.all([
    lockUsers(transaction, unique(updates.map(({ id }) => id))),
    readReferences(transaction, referencesOf(updates)),
    guarded,
  ])
  const columns = new Map(locked.map((user) => [user.id, user]))
  const facts = { ...references, activeSuperusers: await remainingSuperusers(transaction, updates, columns) }
  return updates.map((update) => {
    const user = columns.get(update.id)
    if (user === undefined) return { kind: 'absent' }
    const sets = { groups: facts.groupsOf.get(user.id)!, user_permissions: facts.permissionsOf.get(user.id)! }
    return decideUpdate(update, { ...user, ...sets }, facts)
  })
}

/** The faults that only the database knows: references, uniqueness, masks. Writes nothing. */
export async function findFaults(transaction: Transaction, update: Update): Promise<Fault[]> {
  const [decision] = await decideUpdates(transaction, [update])
  return decision?.kind === 'invalid' ? decision.faults : []
}

/** What the rules look at, and no more: most updates name no group and need no one's permissions. */
function referencesOf(updates: readonly Update[]): ReferenceQuery {
  const limited = updates.filter(({ actor }) => !actor.isSuperuser)
  return {
    userIds: unique(updates.map(({ id }) => id)),
    groupIds: unique(updates.flatMap(({ patch }) => patch.groups ?? [])),
    permissionIds: unique(updates.flatMap(({ patch }) => patch.user_permissions ?? [])),
    usernames: unique(updates.flatMap(({ patch }) => patch.username ?? [])),
    effectiveOf: unique(
      limited.filter(({ patch }) => concernsTakeover(Object.keys(patch))).map(({ id }) => id),
    ),
    permissionsOfGroups: unique(limited.flatMap(({ patch }) => patch.groups ?? [])),
  }
}

/** Enough active superusers to tell whether one remains; undefined where no update could remove one. */
async function remainingSuperusers(
  transaction: Transaction,
  updates: readonly Update[],
  columns: ReadonlyMap<number, UserColumns>,
): Promise<Set<number> | undefined> {
  const removals = updates.filter(({ id, patch }) => {
    const user = columns.get(id)
    return user !== undefined && removesSuperuser(user, patch)
  })
  if (removals.length === 0) return undefined
  return new Set(await activeSuperusers(transaction, removals.length + 1))
}

const unique = <T>(values: readonly T[]): T[] => [...new Set(values)]

async function outcomeOf(transaction: Transaction, decision: Decision): Promise<Outcome> {
  switch (decision.kind) {
    case 'absent':
      return { problem: new ProblemError('not_found') }
    case 'unchanged':
      return { user: decision.user }
    case 'changed':
      return { user: decision.after }
    case 'invalid':
      return { problem: invalid(decision.faults) }
    case 'denied': {
      const { fields, missingPermissions } = decision.refusal
      const problem = new ProblemError('permission_denied', {
        detail: 'You do not have permission to change these fields of this user.',
        errors: fields.map(({ field, reason }) => ({
          pointer: `/${field}`,
          code: 'permission_denied',
          detail: reason,
        })),
        missingPermissions: await permissionNames(transaction, [...missingPermissions]),
      })
      return { problem }
    }
    case 'last superuser':
      return { problem: new ProblemError('last_superuser', { detail: 'No active superuser would remain.' }) }
  }
}

/** Adds what the decision writes. Refusals that concern privileges are audited too; mistyped bodies are not. */
function note(writes: UserWrites, update: Update, decision: Decision, outcome: Outcome): void {
  if (decision.kind === 'changed') {
    const { before, after } = decision
    const members = (ids: number[]): Membership[] => ids.map((id) => ({ user_id: after.id, member_of: id }))
    const { groups, user_permissions, ...columns } = after
    writes.users.push(columns)
    writes.groupsLeft.push(...members(added(groups, before.groups)))
    writes.groupsJoined.push(...members(added(before.groups, groups)))
    writes.permissionsTaken.push(...members(added(user_permissions, before.user_permissions)))
    writes.permissionsGiven.push(...members(added(before.user_permissions, user_permissions)))
    writes.events.push(eventOf(update, 'applied', differences(decision)))
  } else if (decision.kind === 'denied' && 'problem' in outcome) {
    const { missingPermissions } = outcome.problem.details
    const fields = decision.refusal.fields.map(({ field }) => field)
    writes.events.push(eventOf(update, 'refused', { fields, missing_permissions: missingPermissions }))
  } else if (decision.kind === 'last superuser') {
    writes.events.push(eventOf(update, 'refused', { fields: decision.fields, code: 'last_superuser' }))
  }
}

/** Field → [before, after], as anyone may see them: of a password, the masks. */
function differences({
  before,
  after,
  changed,
}: Extract<Decision, { kind: 'changed' }>): Record<string, unknown> {
  const [was, is] = [presentUser(before), presentUser(after)]
  return Object.fromEntries(changed.map((field) => [field, [was[field], is[field]]]))
}

const eventOf = (
  update: Update,
  outcome: AuditEvent['outcome'],
  changes: Record<string, unknown>,
): AuditEvent => ({
  request_id: update.requestId,
  actor_id: update.actor.id,
  actor_username: update.actor.username,
  credential: update.actor.credential,
  action: 'user.update',
  outcome,
  target_type: 'user',
  target_id: update.id,
  changes,
})
