/** The heart: applies updates to users, one or many at once, inside one transaction. */
import type { Fault, Revocable } from '../../schemas/index.js'
import { invalid, ProblemError } from '../errors.js'
import type { Transaction } from '../db/database.js'
import { readReferences, type References } from '../db/references.js'
import {
  activeSuperusers,
  lockSuperuserGuard,
  lockUsers,
  type StoredUser,
  type UserColumns,
} from '../db/users.js'
import { type Revocation, revokeCredentials } from '../db/revocations.js'
import { type Membership, type UserChange, type UserWrites, writeUsers } from '../db/write-users.js'
import {
  added,
  couldRemoveSuperuser,
  type Decision,
  decideUpdate,
  type Facts,
  namedFields,
  removesSuperuser,
  type Update,
} from './decide-update.js'
import type { Actor } from './actor.js'
import { actorColumns, applied, type Deed, refused } from './audit.js'
import { findActors } from './callers.js'
import type { Refusal } from './privileges.js'
import { admissionOf, bodilessProblem, deniedProblem, namesFor, reasonOf } from './refusals.js'
import { revised } from './revision.js'
import { referencesOf } from './update-references.js'
import { isColumn, presentUser, shownValue } from './user.js'

/** What became of one update: the user as it is now, or why nothing was done. */
export type Outcome = { user: StoredUser } | { problem: ProblemError }

export interface UpdateOptions {
  /** Where one is refused, none is written; what is recorded of refusals stays. Default false. */
  isAtomic?: boolean | undefined
  /** What the service can revoke: tokens are another's tables. */
  revocable: readonly Revocable[]
}

const DENIED = 'You do not have permission to change these fields of this user.'

/** Who an update turned out to be from, and what was decided. */
interface Decided {
  /** Undefined where the caller was not admitted. */
  actor?: Actor
  decision: Decision
}

/**
 * Applies updates, those of one user in their order. What the rules refuse is refused alone; the others are written
 * together. Nothing holds until the transaction is committed, and no outcome may be told before.
 * @returns the outcomes, in the order of the updates
 * @throws what the database reports; then none was written
 */
export async function updateUsers(
  transaction: Transaction,
  updates: readonly Update[],
  { isAtomic = false, revocable }: UpdateOptions,
): Promise<Outcome[]> {
  const writes = nothing()
  const outcomes: Outcome[] = []
  const decided = await decideUpdates(transaction, updates)
  const names = await namesFor(
    transaction,
    decided.flatMap(({ decision }) => (decision.kind === 'denied' ? [decision.refusal] : [])),
  )
  for (const [index, { actor, decision }] of decided.entries()) {
    const outcome =
      decision.kind === 'denied'
        ? { problem: problemOf(updates[index]!, decision.refusal, names) }
        : outcomeOf(decision)
    outcomes.push(outcome)
    if (actor !== undefined) note(writes, updates[index]!, actor, decision, outcome)
  }
  const isRefused = isAtomic && outcomes.some((outcome) => 'problem' in outcome)
  writeUsers(transaction, isRefused ? refusalsIn(writes) : writes)
  if (!isRefused) revokeCredentials(transaction, revocationsOf(updates, decided, revocable))
  return outcomes
}

const refusalsIn = ({ events }: UserWrites): UserWrites => ({
  ...nothing(),
  events: events.filter(({ outcome }) => outcome === 'refused'),
})

const problemOf = ({ membership }: Update, refusal: Refusal, names: ReadonlyMap<number, string>) =>
  membership === undefined
    ? deniedProblem(refusal, names, DENIED)
    : bodilessProblem(refusal, names, 'change this membership')

/**
 * The faults that only the database knows, of each update: references, uniqueness, masks. Writes nothing.
 * @throws ProblemError where the caller may not make this request any more
 */
export async function findFaults(transaction: Transaction, updates: readonly Update[]): Promise<Fault[][]> {
  const decided = await decideUpdates(transaction, updates)
  return decided.map(({ decision }) => {
    if (decision.kind === 'not admitted') throw decision.problem
    return decision.kind === 'invalid' ? decision.faults : []
  })
}

/** Locks, reads and decides; writes nothing. */
async function decideUpdates(transaction: Transaction, updates: readonly Update[]): Promise<Decided[]> {
  const known = updates.map(({ caller }) => caller.actor)
  const credentials = updates.map(({ caller }) => caller.credential)
  // Sent together, done in this order: who calls is whoever it was when the turn came, and not after a wait for locks; what
  // is read is read after the locks were granted.
  const [actors, , locked, expected] = await Promise.all([
    findActors(transaction, credentials),
    updates.some(couldRemoveSuperuser) ? lockSuperuserGuard(transaction) : undefined,
    lockUsers(transaction, [...new Set(updates.map(({ id }) => id))]),
    readReferences(transaction, referencesOf(updates, known)),
  ])
  const current = new Map(locked.map((user) => [user.id, withSets(user, expected)]))
  const ready = updates.map((update) => revisedUpdate(update, current.get(update.id)))
  // For a superuser less is read, and the rules must look at what holds now; so must they at what a revision came to.
  const lostSuperuser = known.some(({ isSuperuser }, index) => isSuperuser && !actors[index]?.isSuperuser)
  const isRevised = updates.some(({ revision }) => revision !== undefined)
  const references =
    lostSuperuser || isRevised ? await readReferences(transaction, referencesOf(ready, actors)) : expected
  const activeSuperusers = await remainingSuperusers(transaction, ready, current)
  const facts = { ...references, activeSuperusers }
  return ready.map((update, index) => decideNext(update, actors[index], current, facts))
}

/** An update with the patch that its revision makes. Where it can not be applied, its condition says why. */
function revisedUpdate(update: Update, user: StoredUser | undefined): Update {
  if (update.revision === undefined || user === undefined) return update
  // Without its condition there is no telling what it would do.
  if (update.precondition?.failureOf(user, namedFields(update)) !== undefined) return update
  const result = revised(update, presentUser(user))
  return 'problem' in result ? { ...update, precondition: { failureOf: () => result.problem } } : result
}

/** Decides one update on its user as those before it leave it. */
function decideNext(
  update: Update,
  found: Actor | undefined,
  current: Map<number, StoredUser>,
  facts: Facts,
): Decided {
  const actor = admissionOf(update.caller, found)
  if (actor instanceof ProblemError) return { decision: { kind: 'not admitted', problem: actor } }
  const user = current.get(update.id)
  if (user === undefined) return { actor, decision: { kind: 'absent' } }
  const decision = decideUpdate(actor, update, user, facts)
  if (decision.kind === 'changed') current.set(update.id, decision.after)
  return { actor, decision }
}

/** The row that was locked, completed. */
const withSets = (user: UserColumns, { groupsOf, permissionsOf }: References): StoredUser =>
  Object.assign(user, { groups: groupsOf.get(user.id)!, user_permissions: permissionsOf.get(user.id)! })

/** Enough active superusers to tell whether one remains; undefined where no update could remove one. */
async function remainingSuperusers(
  transaction: Transaction,
  updates: readonly Update[],
  current: ReadonlyMap<number, StoredUser>,
): Promise<Set<number> | undefined> {
  const removals = updates.filter(({ id, patch }) => {
    const user = current.get(id)
    return user !== undefined && removesSuperuser(user, patch)
  })
  if (removals.length === 0) return undefined
  return new Set(await activeSuperusers(transaction, removals.length + 1))
}

function outcomeOf(decision: Exclude<Decision, { kind: 'denied' }>): Outcome {
  switch (decision.kind) {
    case 'not admitted':
    case 'not applicable':
      return { problem: decision.problem }
    case 'absent':
      return { problem: new ProblemError('not_found') }
    case 'unchanged':
      return { user: decision.user }
    case 'changed':
      return { user: decision.after }
    case 'invalid':
      return { problem: invalid(decision.faults) }
    case 'last superuser':
      return { problem: new ProblemError('last_superuser', { detail: 'No active superuser would remain.' }) }
  }
}

const nothing = (): UserWrites => ({
  users: new Map(),
  groupsLeft: [],
  groupsJoined: [],
  permissionsTaken: [],
  permissionsGiven: [],
  events: [],
})

/** What ends with these updates. */
const revocationsOf = (
  updates: readonly Update[],
  decided: readonly Decided[],
  revocable: readonly Revocable[],
): Revocation[] =>
  decided.flatMap(({ actor, decision }, index) => {
    if (actor === undefined || decision.kind !== 'changed' || decision.revoked.length === 0) return []
    const { requestId } = updates[index]!
    const what = decision.revoked.filter((kind) => revocable.includes(kind))
    return [{ userId: decision.after.id, what, requestId, actor: actorColumns(actor) }]
  })

/** Adds what the decision writes. Refusals that concern privileges are audited too; mistyped bodies are not. */
function note(writes: UserWrites, update: Update, actor: Actor, decision: Decision, outcome: Outcome): void {
  const deed: Deed = { actor, requestId: update.requestId, action: 'user.update', targetId: update.id }
  if (decision.kind === 'changed') {
    const { before, after, changed } = decision
    const members = (ids: number[]): Membership[] => ids.map((id) => ({ user_id: after.id, member_of: id }))
    const { groups, user_permissions } = after
    // A change of memberships alone leaves the row as it is.
    if (changed.some(isColumn))
      writes.users.set(after.id, { ...writes.users.get(after.id), ...changedColumns(decision) })
    writes.groupsLeft.push(...members(added(groups, before.groups)))
    writes.groupsJoined.push(...members(added(before.groups, groups)))
    writes.permissionsTaken.push(...members(added(user_permissions, before.user_permissions)))
    writes.permissionsGiven.push(...members(added(before.user_permissions, user_permissions)))
    if (changed.length > 0) {
      writes.events.push(
        applied(
          deed,
          changed,
          (field) => shownValue(before, field),
          (field) => shownValue(after, field),
        ),
      )
    }
  } else if (decision.kind === 'denied' && 'problem' in outcome) {
    writes.events.push(refused(deed, reasonOf(decision.refusal, outcome.problem)))
  } else if (decision.kind === 'last superuser') {
    writes.events.push(refused(deed, { fields: decision.fields, code: 'last_superuser' }))
  }
}

/** What the table of users is told: no more than what changes. */
const changedColumns = ({ after, changed }: Extract<Decision, { kind: 'changed' }>): UserChange =>
  Object.fromEntries(changed.filter(isColumn).map((field) => [field, after[field]]))
