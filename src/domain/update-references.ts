/** What the rules look at beside the users that change. */
import type { ReferenceQuery } from '../db/references.js'
import type { Actor } from './actor.js'
import type { Change } from './decide-update.js'
import { concernsTakeover } from './privileges.js'

/** What to read for these changes, and no more: most name no group and need no one's permissions. */
export function referencesOf(
  changes: readonly (Change & { id: number })[],
  actors: readonly (Actor | undefined)[],
): ReferenceQuery {
  const wanted = {
    userIds: new Set<number>(),
    groupIds: new Set<number>(),
    permissionIds: new Set<number>(),
    usernames: new Set<string>(),
    effectiveOf: new Set<number>(),
    permissionsOfGroups: new Set<number>(),
  }
  for (const [index, change] of changes.entries()) {
    const { id, patch, revoke = [], revision } = change
    const isLimited = !actors[index]?.isSuperuser
    wanted.userIds.add(id)
    if (patch.username !== undefined) wanted.usernames.add(patch.username)
    for (const permission of namedIn(change, 'user_permissions')) wanted.permissionIds.add(permission)
    for (const group of namedIn(change, 'groups')) {
      wanted.groupIds.add(group)
      if (isLimited) wanted.permissionsOfGroups.add(group)
    }
    const fields = revision?.fields ?? Object.keys(patch)
    if (isLimited && (concernsTakeover(fields) || revoke.length > 0)) wanted.effectiveOf.add(id)
  }
  return wanted
}

const namedIn = ({ patch, membership }: Change, field: 'groups' | 'user_permissions'): number[] =>
  membership?.field === field ? [membership.id] : (patch[field] ?? [])
