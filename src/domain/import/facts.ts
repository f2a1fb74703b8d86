/** What the rules look at beside a record: as the database has it, or as it was when the file was checked. */
import type { Transaction } from '../../db/database.js'
import { readReferences } from '../../db/references.js'
import type { Facts } from '../decide-update.js'
import { SET_FIELDS } from '../user.js'
import type { ImportRecord } from './record.js'

type Named = Pick<ImportRecord, 'patch'>

/** Locks the groups and permissions that the records name, and looks who has their usernames. */
export function readFacts(transaction: Transaction, records: readonly Named[]): Promise<Facts> {
  const none = new Set<number>()
  const [groupIds, permissionIds] = SET_FIELDS.map((field) => namedIn(records, field)) as [
    Set<number>,
    Set<number>,
  ]
  return readReferences(transaction, {
    userIds: none,
    groupIds,
    permissionIds,
    usernames: new Set(records.map(({ patch }) => patch.username)),
    effectiveOf: none,
    permissionsOfGroups: none,
  })
}

/**
 * That all groups and permissions are still there, and all usernames free: where that holds no more, the foreign keys
 * and the index of usernames say so.
 */
export function assumedFacts(records: readonly Named[]): Facts {
  return {
    groupsOf: new Map(),
    permissionsOf: new Map(),
    existingGroups: namedIn(records, 'groups'),
    existingPermissions: namedIn(records, 'user_permissions'),
    takenBy: new Map(),
    effectivePermissionsOf: new Map(),
    permissionsOfGroup: new Map(),
  }
}

const namedIn = (records: readonly Named[], field: (typeof SET_FIELDS)[number]): Set<number> =>
  new Set(records.flatMap(({ patch }) => patch[field] ?? []))
