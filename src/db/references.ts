/** What updates refer to: memberships as they are, groups and permissions that exist, names that are taken. */
import { sql } from 'kysely'
import type { Queryable, Transaction } from './database.js'
import { anyOf } from './rows.js'
import { query, statement } from './statement.js'

/** What to look up for a group of updates whose users are locked already. */
export interface ReferenceQuery {
  /** The users that are updated. */
  userIds: ReadonlySet<number>
  /** Groups and permissions that the updates name. */
  groupIds: ReadonlySet<number>
  permissionIds: ReadonlySet<number>
  /** Usernames that the updates want. */
  usernames: ReadonlySet<string>
  /** Users whose effective permissions matter to the rules, and groups whose permissions do. */
  effectiveOf: ReadonlySet<number>
  permissionsOfGroups: ReadonlySet<number>
}

export interface References {
  /** User → ids, ascending. */
  groupsOf: Map<number, number[]>
  permissionsOf: Map<number, number[]>
  existingGroups: Set<number>
  existingPermissions: Set<number>
  /** Username → the user that has it. */
  takenBy: Map<string, number>
  /** User → every permission held, its groups' included. */
  effectivePermissionsOf: Map<number, Set<number>>
  /** Group → the permissions that it confers. */
  permissionsOfGroup: Map<number, Set<number>>
}

const locked = (table: 'auth_group' | 'auth_permission', wanted: number[]) =>
  query.selectFrom(table).select('id').where('id', '=', anyOf(wanted)).orderBy('id').forKeyShare()

/** A row of a look-up: the sets have different shapes, and a row is cheaper than a document. */
interface ReferenceRow {
  kind: string
  a: number
  b: number
  name: string | null
}

// `FOR KEY SHARE`, by ascending id: what is referred to can't be deleted until the end of the transaction.
const referencesStatement = statement(
  'read_references',
  (
    groupIds: number[],
    permissionIds: number[],
    usernames: string[],
    effectiveOf: number[],
    permissionsOfGroups: number[],
  ) =>
    query
      .with('existing_group', () => locked('auth_group', groupIds))
      .with('existing_permission', () => locked('auth_permission', permissionIds))
      .selectFrom(
        sql<ReferenceRow>`(
          select 'group' as kind, id::bigint as a, 0::bigint as b, null as name from existing_group
          union all
          select 'permission', id, 0, null from existing_permission
          union all
          select 'username', id, 0, username from auth_user where username = any(${usernames}::text[])
          union all
          select 'effective permission', m.user_id, p.permission_id, null
            from auth_user_groups m join auth_group_permissions p using (group_id)
            where m.user_id = ${anyOf(effectiveOf)}
          union all
          select 'permission of group', group_id, permission_id, null
            from auth_group_permissions where group_id = ${anyOf(permissionsOfGroups)}
        )`.as('reference'),
      )
      .selectAll(),
)

/** A membership of a user: of the group, or of the permission. */
interface MembershipRow {
  user_id: number
  group_id: number | null
  permission_id: number | null
}

const membershipsStatement = statement('read_memberships', (userIds: number[]) =>
  query
    .selectFrom(
      sql<MembershipRow>`(
        select user_id, group_id, null as permission_id
          from auth_user_groups where user_id = ${anyOf(userIds)}
        union all
        select user_id, null, permission_id
          from auth_user_user_permissions where user_id = ${anyOf(userIds)}
      )`.as('membership'),
    )
    .selectAll(),
)

/** Reads all of it. Own permissions count among the effective ones. */
export async function readReferences(transaction: Transaction, wanted: ReferenceQuery): Promise<References> {
  const { groupIds, permissionIds, usernames, effectiveOf, permissionsOfGroups } = wanted
  const isNamed = [groupIds, permissionIds, usernames, effectiveOf, permissionsOfGroups].some(
    ({ size }) => size > 0,
  )
  // Most updates refer to nothing. Memberships come last: after what was waited for.
  const [named, memberships] = await Promise.all([
    isNamed
      ? transaction.run(
          referencesStatement,
          [...groupIds],
          [...permissionIds],
          [...usernames],
          [...effectiveOf],
          [...permissionsOfGroups],
        )
      : [],
    transaction.run(membershipsStatement, [...wanted.userIds]),
  ])
  return collect(named, memberships, wanted)
}

function collect(
  named: readonly ReferenceRow[],
  memberships: readonly MembershipRow[],
  wanted: ReferenceQuery,
): References {
  const references: References = {
    groupsOf: new Map(),
    permissionsOf: new Map(),
    existingGroups: new Set(),
    existingPermissions: new Set(),
    takenBy: new Map(),
    effectivePermissionsOf: new Map(),
    permissionsOfGroup: new Map(),
  }
  for (const id of wanted.userIds) {
    references.groupsOf.set(id, [])
    references.permissionsOf.set(id, [])
  }
  for (const id of wanted.effectiveOf) references.effectivePermissionsOf.set(id, new Set())
  for (const id of wanted.permissionsOfGroups) references.permissionsOfGroup.set(id, new Set())
  for (const { user_id, group_id, permission_id } of memberships) {
    if (group_id !== null) references.groupsOf.get(user_id)?.push(group_id)
    if (permission_id === null) continue
    references.permissionsOf.get(user_id)?.push(permission_id)
    references.effectivePermissionsOf.get(user_id)?.add(permission_id)
  }
  for (const set of [...references.groupsOf.values(), ...references.permissionsOf.values()])
    set.sort(ascending)
  for (const { kind, a, b, name } of named) {
    if (kind === 'group') references.existingGroups.add(a)
    else if (kind === 'permission') references.existingPermissions.add(a)
    else if (kind === 'username') references.takenBy.set(name!, a)
    else if (kind === 'effective permission') references.effectivePermissionsOf.get(a)?.add(b)
    else references.permissionsOfGroup.get(a)?.add(b)
  }
  return references
}

const ascending = (a: number, b: number) => a - b

const permissionNamesStatement = statement('permission_names', (wanted: number[]) =>
  query
    .selectFrom('auth_permission as p')
    .innerJoin('django_content_type as c', 'c.id', 'p.content_type_id')
    .select(['p.id', sql<string>`c.app_label || '.' || p.codename`.as('name')])
    .where('p.id', '=', anyOf(wanted))
    .orderBy('name'),
)

/** Django's names for permissions (`app_label.codename`) by their ids, in the order of the names. */
export async function permissionNames(db: Queryable, permissionIds: number[]): Promise<Map<number, string>> {
  const rows = permissionIds.length === 0 ? [] : await db.run(permissionNamesStatement, permissionIds)
  return new Map(rows.map(({ id, name }) => [id, name]))
}
