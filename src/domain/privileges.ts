/**
 * Who may change what of whom: the rules against escalation. Whoever may change users must not become more powerful by it:
 * no sequence of permitted changes enlarges the actor's own set of permissions.
 */
import type { StoredUser } from '../db/users.js'
import { type Actor, lacking } from './actor.js'
import type { WritableField } from './user.js'

/** One change that somebody wants to make. */
export interface Attempt {
  actor: Actor
  target: StoredUser
  /** The fields whose value would change. */
  changed: readonly WritableField[]
  /** What the user would gain: ids of permissions, and for each new group those that it confers. */
  addedPermissions: readonly number[]
  addedGroups: ReadonlyMap<number, ReadonlySet<number>>
  /** Everything that the target holds already, its groups' permissions included. */
  targetPermissions: ReadonlySet<number>
}

/** A field that may not be changed, and why. */
export interface FieldRefusal {
  field: WritableField
  reason: string
}

/** What is refused, and which permissions the actor would have to hold. */
export interface Refusal {
  fields: FieldRefusal[]
  missingPermissions: Set<number>
}

/** Fields that let somebody log in as the user, or lock the user out. */
const TAKEOVER_FIELDS: readonly WritableField[] = ['password', 'username', 'email', 'is_active', 'is_staff']

/** Fields by which somebody would change what they may do themselves. */
const PRIVILEGE_FIELDS: readonly WritableField[] = ['is_staff', 'is_active', 'groups', 'user_permissions']

/** Whether these fields' rules depend on what the target holds. */
export const concernsTakeover = (fields: Iterable<string>): boolean =>
  [...fields].some((field) => (TAKEOVER_FIELDS as readonly string[]).includes(field))

/** Applies every rule. A superuser may change everything. */
export function refusalOf(attempt: Attempt): Refusal | undefined {
  if (attempt.actor.isSuperuser) return undefined
  const reasons = new Map<WritableField, string>()
  const missingPermissions = new Set<number>()
  const refuse = (fields: readonly WritableField[], reason: string, missing: readonly number[] = []) => {
    const refused = fields.filter((field) => attempt.changed.includes(field))
    for (const field of refused) if (!reasons.has(field)) reasons.set(field, reason)
    if (refused.length > 0) for (const id of missing) missingPermissions.add(id)
  }

  if (attempt.target.is_superuser) refuse(attempt.changed, 'Only a superuser may change a superuser.')
  refuse(['is_superuser'], 'Only a superuser may set or clear this.')
  if (attempt.target.id === attempt.actor.id)
    refuse(PRIVILEGE_FIELDS, 'Nobody may change their own privileges.')
  for (const [field, conferred] of conferredBy(attempt)) {
    const missing = lacking(attempt.actor, conferred)
    if (missing.length > 0) refuse([field], 'This would give permissions that you do not hold.', missing)
  }
  const missing = lacking(attempt.actor, attempt.targetPermissions)
  if (missing.length > 0)
    refuse(TAKEOVER_FIELDS, 'This user holds permissions that you do not hold.', missing)

  if (reasons.size === 0) return undefined
  return { fields: [...reasons].map(([field, reason]) => ({ field, reason })), missingPermissions }
}

const conferredBy = ({ addedPermissions, addedGroups }: Attempt): [WritableField, Iterable<number>][] => [
  ['user_permissions', addedPermissions],
  ['groups', new Set([...addedGroups.values()].flatMap((permissions) => [...permissions]))],
]
