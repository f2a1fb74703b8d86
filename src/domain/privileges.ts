/**
 * Who may change what of whom: the rules against escalation. Whoever may change users must not become more powerful by it:
 * no sequence of permitted changes enlarges the actor's own set of permissions.
 */
import type { StoredUser } from '../db/users.js'
import { type Actor, lacking } from './actor.js'
import type { WritableField } from './user.js'

type AttemptedField = WritableField | 'revoke'

/** One change that somebody wants to make. */
export interface Attempt {
  actor: Actor
  target: StoredUser
  /** The fields whose value would change, and `revoke` where credentials would end. */
  changed: readonly AttemptedField[]
  /** What the user would gain: ids of permissions, and for each new group those that it confers. */
  addedPermissions: readonly number[]
  addedGroups: ReadonlyMap<number, ReadonlySet<number>>
  /** Everything that the target holds already, its groups' permissions included. */
  targetPermissions: ReadonlySet<number>
}

/** A field that may not be changed, and why. */
export interface FieldRefusal {
  field: string
  reason: string
}

/** What is refused, and which permissions the actor would have to hold. */
export interface Refusal {
  fields: FieldRefusal[]
  missingPermissions: Set<number>
}

/** Fields that let somebody log in as the user, or lock the user out. */
const TAKEOVER_FIELDS: readonly AttemptedField[] = [
  'password',
  'username',
  'email',
  'is_active',
  'is_staff',
  'revoke',
]

/** Fields by which somebody would change what they may do themselves. */
const PRIVILEGE_FIELDS: readonly WritableField[] = ['is_staff', 'is_active', 'groups', 'user_permissions']

/** Whether these fields' rules depend on what the target holds. */
export const concernsTakeover = (fields: Iterable<string>): boolean =>
  [...fields].some((field) => (TAKEOVER_FIELDS as readonly string[]).includes(field))

/** Applies every rule. A superuser may change everything. */
export function refusalOf(attempt: Attempt): Refusal | undefined {
  const { actor, target, changed } = attempt
  if (actor.isSuperuser) return undefined
  const refusals = new Refusals(changed)
  if (target.is_superuser) refusals.refuse(changed, 'Only a superuser may change a superuser.')
  refusals.refuse(['is_superuser'], 'Only a superuser may set or clear this.')
  if (target.id === actor.id) refusals.refuse(PRIVILEGE_FIELDS, OWN_PRIVILEGES)
  for (const [field, conferred] of conferredBy(attempt)) refusals.refuseGift(field, lacking(actor, conferred))
  const missing = lacking(actor, attempt.targetPermissions)
  if (missing.length > 0)
    refusals.refuse(TAKEOVER_FIELDS, 'This user holds permissions that you do not hold.', missing)
  return refusals.result()
}

/**
 * The rules for a user that is deleted: as for one that is deactivated, and for one that loses every privilege.
 * @param attempt whose `changed` counts for nothing
 */
export const deletionRefusalOf = (attempt: Pick<Attempt, 'actor' | 'target' | 'targetPermissions'>) =>
  refusalOf({ ...attempt, changed: ['is_active'], addedPermissions: [], addedGroups: new Map() })

/** One change of a group that somebody wants to make. */
export interface GroupAttempt {
  actor: Actor
  /** The fields whose value would change. */
  changed: readonly string[]
  /** Whether the actor is in the group: what its members gain or lose, the actor does. */
  isMember: boolean
  /** Ids of the permissions that the members would gain. */
  addedPermissions: readonly number[]
}

/** The same rules for what a group confers: to give it something is to give it to all members. */
export function groupRefusalOf({ actor, changed, isMember, addedPermissions }: GroupAttempt) {
  if (actor.isSuperuser) return undefined
  const refusals = new Refusals(changed)
  if (isMember) refusals.refuse(['permissions'], OWN_PRIVILEGES)
  refusals.refuseGift('permissions', lacking(actor, addedPermissions))
  return refusals.result()
}

const OWN_PRIVILEGES = 'Nobody may change their own privileges.'

/** Collects what is refused; of several reasons the first counts. */
class Refusals {
  readonly #reasons = new Map<string, string>()
  readonly #missing = new Set<number>()

  constructor(readonly changed: readonly string[]) {}

  refuse(fields: readonly string[], reason: string, missing: readonly number[] = []): void {
    const refused = fields.filter((field) => this.changed.includes(field))
    for (const field of refused) if (!this.#reasons.has(field)) this.#reasons.set(field, reason)
    if (refused.length > 0) for (const id of missing) this.#missing.add(id)
  }

  refuseGift(field: string, missing: readonly number[]): void {
    if (missing.length > 0) this.refuse([field], 'This would give permissions that you do not hold.', missing)
  }

  result(): Refusal | undefined {
    if (this.#reasons.size === 0) return undefined
    return {
      fields: [...this.#reasons].map(([field, reason]) => ({ field, reason })),
      missingPermissions: this.#missing,
    }
  }
}

const conferredBy = ({ addedPermissions, addedGroups }: Attempt): [WritableField, Iterable<number>][] => [
  ['user_permissions', addedPermissions],
  ['groups', new Set([...addedGroups.values()].flatMap((permissions) => [...permissions]))],
]
