/** What one update does to one user, or why it does not: a pure function with every rule in it. */
import { type Fault, REVOCABLE, type Revocable, type User, type UserUpdate } from '../../schemas/index.js'
import type { ProblemError } from '../errors.js'
import type { References } from '../db/references.js'
import type { StoredUser } from '../db/users.js'
import type { Actor } from './actor.js'
import type { Caller } from './callers.js'
import { parseDateTime } from './date-time.js'
import { normalizeEmail } from './email.js'
import { maskOf } from './passwords/mask.js'
import type { Precondition } from './precondition.js'
import { type Refusal, refusalOf } from './privileges.js'
import { fieldsOf, type Revisable } from './revision.js'
import { SET_FIELDS, WRITABLE_FIELDS, type WritableField } from './user.js'

/** One update, ready for the database: validated, and its password hashed. */
export interface Update extends Revisable<User, UserUpdate> {
  /** Who asks for it. */
  caller: Caller
  requestId: string
  id: number
  /** The stored form of the new password, where one was sent in plain text. */
  encodedPassword?: string | undefined
  /** One membership, instead of a whole set: the others stay as they are when its turn comes. */
  membership?: MembershipChange | undefined
  /** What must hold of the user as it is when its turn comes. */
  precondition?: Precondition<StoredUser> | undefined
  /** Which credentials of the user end with it. */
  revoke?: readonly Revocable[] | undefined
}

/** One group or permission that a user gets or loses. */
export interface MembershipChange {
  field: (typeof SET_FIELDS)[number]
  /** Of the group, or of the permission. */
  id: number
  isMember: boolean
}

/** What an update would change. */
export type Change = Omit<Update, 'caller' | 'requestId' | 'id'>

/** The fields that an update names. */
export const namedFields = (change: Change): Iterable<string> =>
  change.membership === undefined ? fieldsOf(change) : [change.membership.field]

/** What the rules look at beside the user. Claims of earlier updates of the group are noted in it. */
export interface Facts extends References {
  /** Active superusers that remain; undefined where no update could remove one. */
  activeSuperusers?: Set<number> | undefined
}

export type Decision =
  /** The caller may not make this request any more. */
  | { kind: 'not admitted'; problem: ProblemError }
  /** What the update depends on does not hold. */
  | { kind: 'not applicable'; problem: ProblemError }
  /** There is no such user, or no such group or permission to belong to. */
  | { kind: 'absent' }
  | { kind: 'unchanged'; user: StoredUser }
  /** Something changes, or credentials end. */
  | {
      kind: 'changed'
      before: StoredUser
      after: StoredUser
      changed: WritableField[]
      revoked: readonly Revocable[]
    }
  | { kind: 'invalid'; faults: Fault[] }
  | { kind: 'denied'; refusal: Refusal }
  | { kind: 'last superuser'; fields: WritableField[] }

/**
 * Decides one update: conditions first (412, 428), then references and uniqueness (400), then who may (403), then what must
 * remain (409).
 * An update that changes nothing is always allowed: what was read may be sent back.
 */
export function decideUpdate(actor: Actor, update: Change, before: StoredUser, facts: Facts): Decision {
  const { membership } = update
  if (membership !== undefined && !existingOf(membership.field, facts).has(membership.id))
    return { kind: 'absent' }
  const problem = update.precondition?.failureOf(before, namedFields(update))
  if (problem !== undefined) return { kind: 'not applicable', problem }
  const wanted = wantedState(update, before)
  const changed = WRITABLE_FIELDS.filter((field) => !isSame(wanted[field], before[field]))
  const faults = [
    ...(update.faults ?? []),
    ...passwordFaults(update, before),
    ...referenceFaults(update, before, wanted, facts),
  ]
  if (faults.length > 0) return { kind: 'invalid', faults }
  const { revoke = [] } = update
  if (changed.length + revoke.length === 0) return { kind: 'unchanged', user: before }

  const refusal = refusalOf({
    actor,
    target: before,
    changed: revoke.length > 0 ? [...changed, 'revoke'] : changed,
    addedPermissions: added(before.user_permissions, wanted.user_permissions),
    addedGroups: new Map(
      added(before.groups, wanted.groups).map((id) => [
        id,
        facts.permissionsOfGroup.get(id) ?? new Set<number>(),
      ]),
    ),
    targetPermissions: facts.effectivePermissionsOf.get(before.id) ?? new Set(),
  })
  if (refusal !== undefined) return { kind: 'denied', refusal }

  if (removesSuperuser(before, wanted)) {
    const remaining = facts.activeSuperusers ?? new Set()
    remaining.delete(before.id)
    if (remaining.size === 0) {
      remaining.add(before.id)
      return { kind: 'last superuser', fields: changed.filter((field) => field.startsWith('is_')) }
    }
  }
  // Whoever comes after in the same transaction may count on it.
  if (wanted.is_superuser && wanted.is_active) facts.activeSuperusers?.add(before.id)
  facts.takenBy.set(wanted.username, before.id)
  // Whoever is inactive authenticates nowhere, and does not begin to again with what it had.
  const isDeactivated = before.is_active && !wanted.is_active
  return { kind: 'changed', before, after: wanted, changed, revoked: isDeactivated ? REVOCABLE : revoke }
}

/** Whether the update could turn an active superuser into none, as far as it can be told: then the guard must be held. */
export const couldRemoveSuperuser = ({ patch, revision }: Change): boolean =>
  patch.is_superuser === false ||
  patch.is_active === false ||
  revision?.fields.has('is_superuser') === true ||
  revision?.fields.has('is_active') === true

/**
 * Whether an update may share a transaction with others of the same user: it sets nothing that the rules look at when
 * they decide another one (names, memberships, privileges, the password's mask).
 */
export const mayShareUser = ({ patch, membership, revision, revoke }: Change): boolean =>
  membership === undefined &&
  revision === undefined &&
  revoke === undefined &&
  Object.keys(patch).every((field) => PLAIN_FIELDS.has(field))

const PLAIN_FIELDS: ReadonlySet<string> = new Set([
  'id',
  'first_name',
  'last_name',
  'email',
  'last_login',
  'date_joined',
] satisfies (keyof UserUpdate)[])

/** Whether the user is an active superuser before, and none after. */
export const removesSuperuser = (
  before: Pick<StoredUser, 'is_superuser' | 'is_active'>,
  after: Pick<UserUpdate, 'is_superuser' | 'is_active'>,
): boolean =>
  before.is_superuser && before.is_active && (after.is_superuser === false || after.is_active === false)

/** The user as the update wants it. What was sent as it is stored stays so, even if no new value could be it. */
function wantedState({ sent, patch, encodedPassword, membership }: Change, before: StoredUser): StoredUser {
  const wanted: Record<string, unknown> = { ...before }
  for (const field of WRITABLE_FIELDS) {
    if (patch[field] === undefined || field === 'password' || sent[field] === before[field]) continue
    wanted[field] = storedForm(field, patch[field])
  }
  if (encodedPassword !== undefined) wanted.password = encodedPassword
  if (membership !== undefined)
    wanted[membership.field] = withMembership(before[membership.field], membership)
  return wanted as unknown as StoredUser
}

function withMembership(ids: readonly number[], { id, isMember }: MembershipChange): number[] {
  const others = ids.filter((other) => other !== id)
  return isMember ? [...others, id].toSorted(ascending) : others
}

const ascending = (a: number, b: number) => a - b

function storedForm(field: WritableField, value: unknown): unknown {
  if (field === 'email') return normalizeEmail(value as string)
  if (field === 'last_login' || field === 'date_joined')
    return value === null ? null : parseDateTime(value as string)
  if (isSetField(field)) return (value as number[]).toSorted(ascending)
  return value
}

/** Without a hashed password there is only the mask that was read, which must be this user's own. */
function passwordFaults({ patch, encodedPassword }: Change, before: StoredUser): Fault[] {
  if (patch.password === undefined || encodedPassword !== undefined) return []
  if (patch.password === maskOf(before.password)) return []
  return [{ pointer: '/password', code: 'mask', detail: "This is not the mask of this user's password." }]
}

function referenceFaults({ patch }: Change, before: StoredUser, wanted: StoredUser, facts: Facts): Fault[] {
  const faults: Fault[] = []
  const holder = facts.takenBy.get(wanted.username)
  if (wanted.username !== before.username && holder !== undefined && holder !== before.id) {
    faults.push({ pointer: '/username', code: 'unique', detail: 'A user with that username already exists.' })
  }
  for (const field of SET_FIELDS) {
    const existing = existingOf(field, facts)
    patch[field]?.forEach((id, index) => {
      if (existing.has(id) || before[field].includes(id)) return
      const detail = `Invalid id ${id}: it does not exist.`
      faults.push({ pointer: `/${field}/${index}`, code: 'does_not_exist', detail })
    })
  }
  return faults
}

const existingOf = (field: (typeof SET_FIELDS)[number], facts: References): Set<number> =>
  field === 'groups' ? facts.existingGroups : facts.existingPermissions

const isSetField = (field: WritableField): field is (typeof SET_FIELDS)[number] =>
  (SET_FIELDS as readonly string[]).includes(field)

/** What is in the second set and not in the first. */
export function added<T>(before: readonly T[], after: readonly T[]): T[] {
  const known = new Set(before)
  return after.filter((value) => !known.has(value))
}

/** Whether two values of a field are the same; of sets, in the same order. */
export function isSame(one: unknown, other: unknown): boolean {
  if (!Array.isArray(one) || !Array.isArray(other)) return one === other
  return one.length === other.length && one.every((value, index) => value === other[index])
}
