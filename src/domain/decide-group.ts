/** What a change does to a group, or why it does not: a pure function with every rule in it. */
import type { Fault, Group, GroupUpdate } from '../../schemas/index.js'
import type { ProblemError } from '../errors.js'
import type { GroupFacts, StoredGroup } from '../db/groups.js'
import type { Actor } from './actor.js'
import { added, isSame } from './decide-update.js'
import { groupRefusalOf, type Refusal } from './privileges.js'
import type { Revisable } from './revision.js'

/** The fields that a change of a group can change. */
export const GROUP_WRITABLE = ['name', 'permissions'] as const

export type GroupChange = Revisable<Group, GroupUpdate>

export type GroupDecision =
  /** What the change depends on does not hold. */
  | { kind: 'not applicable'; problem: ProblemError }
  | { kind: 'unchanged' }
  | { kind: 'changed'; after: StoredGroup; changed: (typeof GROUP_WRITABLE)[number][] }
  | { kind: 'invalid'; faults: Fault[] }
  | { kind: 'denied'; refusal: Refusal }

/** The group as the change wants it. */
export const wantedGroup = ({ sent, patch }: GroupChange, before: StoredGroup): StoredGroup => ({
  id: before.id,
  name: patch.name === undefined || sent.name === before.name ? before.name : patch.name,
  permissions: patch.permissions?.toSorted((a, b) => a - b) ?? before.permissions,
})

/** Decides one change: what it refers to first (400), then who may (403). What changes nothing is always allowed. */
export function decideGroup(
  actor: Actor,
  change: GroupChange,
  before: StoredGroup,
  facts: GroupFacts,
): GroupDecision {
  const wanted = wantedGroup(change, before)
  const faults = faultsOf(change, before, wanted, facts)
  if (faults.length > 0) return { kind: 'invalid', faults }
  const changed = GROUP_WRITABLE.filter((field) => !isSame(wanted[field], before[field]))
  if (changed.length === 0) return { kind: 'unchanged' }
  const addedPermissions = added(before.permissions, wanted.permissions)
  const refusal = groupRefusalOf({ actor, changed, isMember: facts.isMember, addedPermissions })
  return refusal === undefined ? { kind: 'changed', after: wanted, changed } : { kind: 'denied', refusal }
}

function faultsOf(
  { patch, faults: found = [] }: GroupChange,
  before: StoredGroup,
  wanted: StoredGroup,
  facts: GroupFacts,
): Fault[] {
  const faults = [...found]
  if (wanted.name !== before.name && facts.namesake !== null)
    faults.push({ pointer: '/name', code: 'unique', detail: 'A group with that name already exists.' })
  const known = new Set([...facts.existingPermissions, ...before.permissions])
  patch.permissions?.forEach((id, index) => {
    if (known.has(id)) return
    const detail = `Invalid id ${id}: it does not exist.`
    faults.push({ pointer: `/permissions/${index}`, code: 'does_not_exist', detail })
  })
  return faults
}
