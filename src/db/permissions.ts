/** Reading permissions: all that exist, and those that a user holds. */
import { type RawBuilder, sql, type SqlBool } from 'kysely'
import type { HeldPermission, Permission, PermissionListQuery } from '../../schemas/index.js'
import type { Database, Queryable } from './database.js'
import {
  type Condition,
  containsWords,
  type ListSource,
  type Page,
  type PageRequest,
  readPage,
  type SortKey,
} from './list.js'
import { unnamed } from './statement.js'

/** A permission by its id, or by Django's name for it. */
export type PermissionReference = { id: number } | { appLabel: string; codename: string }

type Field = 'id' | 'name' | 'codename' | 'app_label' | 'model'

const key = (name: Field, type: SortKey<Permission>['type'] = 'text'): SortKey<Permission> => ({
  expression: sql.ref(`t.${name}`),
  type,
  isUnique: name === 'id',
  of: (permission) => permission[name],
})

/** Permissions, as a list. */
export const permissionSource = {
  from: sql`(
    select p.id, c.app_label || '.' || p.codename as permission, p.name, p.content_type_id as content_type,
      c.app_label, c.model, p.codename
    from auth_permission p join django_content_type c on c.id = p.content_type_id
  ) as t`,
  columns: sql<Permission>`t.*`,
  keys: {
    id: key('id', 'bigint'),
    name: key('name'),
    codename: key('codename'),
    app_label: key('app_label'),
    model: key('model'),
  },
  searched: sql<string>`(t.name || ' ' || t.permission || ' ' || t.model)`,
} satisfies ListSource<Permission>

/** Which permissions are wanted: as the parameters of the list say. */
export type PermissionFilter = Pick<PermissionListQuery, 'codename' | 'app_label' | 'model' | 'search'>

/** One page of the permissions that the filter lets through. */
export const listPermissions = (
  db: Database,
  filter: PermissionFilter,
  page: PageRequest,
): Promise<Page<Permission>> => readPage(db, permissionSource, conditionsOf(filter), page)

/** The permissions that a user holds, each with where it comes from. */
export const heldSource = (userId: number): ListSource<HeldPermission> => ({
  ...permissionSource,
  columns: sql<HeldPermission>`t.*, ${sourcesOf(userId)} as sources`,
})

/** One page of what a user holds; nothing for an inactive user, and for one that does not exist. */
export const listHeldPermissions = (
  db: Database,
  userId: number,
  filter: PermissionFilter,
  page: PageRequest,
): Promise<Page<HeldPermission>> =>
  readPage(db, heldSource(userId), [...conditionsOf(filter), isHeldBy(userId)], page)

/** Permissions: none where it does not exist; a name may be that of several, of different models. */
export const findPermissions = (db: Queryable, reference: PermissionReference): Promise<Permission[]> =>
  db.run(
    unnamed(sql<Permission>`select t.* from ${permissionSource.from} where ${is(reference)} order by t.id`),
  )

/** A permission that the user holds; undefined where it does not, or where there is no such permission or user. */
export async function findHeldPermission(
  db: Queryable,
  userId: number,
  reference: PermissionReference,
): Promise<HeldPermission | undefined> {
  const { columns, from } = heldSource(userId)
  const [row] = await db.run(
    unnamed(
      sql<HeldPermission>`select ${columns} from ${from} where ${is(reference)} and ${isHeldBy(userId)}`,
    ),
  )
  return row
}

/** Everything that the user holds, as `app_label.codename`, in the order of the names. */
export async function heldPermissionNames(db: Queryable, userId: number): Promise<string[]> {
  const rows = await db.run(
    unnamed(
      sql<{ permission: string }>`select t.permission from ${permissionSource.from}
        where ${isHeldBy(userId)} order by t.permission`,
    ),
  )
  return rows.map(({ permission }) => permission)
}

const is = (reference: PermissionReference): Condition =>
  'id' in reference
    ? sql`t.id = ${reference.id}::bigint`
    : sql`t.app_label = ${reference.appLabel} and t.codename = ${reference.codename}`

const conditionsOf = ({ codename, app_label, model, search }: PermissionFilter): Condition[] => [
  ...Object.entries({ codename, app_label, model })
    .filter(([, value]) => value !== undefined)
    .map(([name, value]) => sql<SqlBool>`${sql.ref(`t.${name}`)} = ${value}`),
  ...containsWords(permissionSource.searched, search ?? ''),
]

/** By itself, through a group, or as a superuser; as Django has it, an active user alone. */
const isHeldBy = (userId: number): Condition => sql`exists (
  select from auth_user u where u.id = ${userId}::bigint and u.is_active and (
    u.is_superuser
    or t.id in (select permission_id from auth_user_user_permissions where user_id = u.id)
    or t.id in (select p.permission_id from auth_user_groups m join auth_group_permissions p using (group_id) where m.user_id = u.id)
  )
)`

const sourcesOf = (userId: number): RawBuilder<HeldPermission['sources']> => sql`(
  select json_build_object(
    'own', exists (select from auth_user_user_permissions where user_id = u.id and permission_id = t.id),
    'groups', array(
      select m.group_id from auth_user_groups m join auth_group_permissions p using (group_id)
      where m.user_id = u.id and p.permission_id = t.id order by 1
    ),
    'superuser', u.is_superuser
  ) from auth_user u where u.id = ${userId}::bigint
)`
