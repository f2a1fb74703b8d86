/** Finding users. */
import { type RawBuilder, sql, type SqlBool } from 'kysely'
import type { UserListQuery, UserOrdering } from '../../schemas/index.js'
import type { Database } from './database.js'
import {
  type Condition,
  containsWords,
  type ListSource,
  type Page,
  type PageRequest,
  readPage,
  type SortKey,
} from './list.js'
import { type StoredUser, wholeUser } from './users.js'

/** As PostgreSQL orders a null: after everything else. Django can store no infinity. */
const lastLogin = sql`coalesce(t.last_login, 'infinity')`

const column = <Name extends UserOrdering>(
  name: Name,
  type: SortKey<StoredUser>['type'],
  isUnique = false,
): SortKey<StoredUser> => ({
  expression: sql.ref(`t.${name}`),
  type,
  isUnique,
  of: (user) => user[name]!,
})

/** Users, as a list. */
export const userSource = {
  from: sql`auth_user as t`,
  columns: wholeUser,
  keys: {
    id: column('id', 'bigint', true),
    username: column('username', 'text', true),
    first_name: column('first_name', 'text'),
    last_name: column('last_name', 'text'),
    email: column('email', 'text'),
    last_login: {
      expression: lastLogin,
      type: 'timestamptz',
      of: ({ last_login }: StoredUser) => last_login ?? 'infinity',
    },
    date_joined: column('date_joined', 'timestamptz'),
    is_active: column('is_active', 'boolean'),
    is_staff: column('is_staff', 'boolean'),
    is_superuser: column('is_superuser', 'boolean'),
  } satisfies Record<UserOrdering, SortKey<StoredUser>>,
  searched: sql<string>`(t.username || ' ' || t.first_name || ' ' || t.last_name || ' ' || t.email)`,
} satisfies ListSource<StoredUser>

/** Which users are wanted: as the parameters of the list say, with groups and permissions by their ids. */
export type UserFilter = Omit<UserListQuery, 'group' | 'permission' | 'page' | 'ordering' | 'fields'> & {
  groupId?: number | undefined
  permissionId?: number | undefined
}

/** One page of the users that the filter lets through. */
export const listUsers = (db: Database, filter: UserFilter, page: PageRequest): Promise<Page<StoredUser>> =>
  readPage(db, userSource, conditionsOf(filter), page)

/** How each parameter is asked for. Django compares in upper case for `iexact`, and so do its own indexes. */
const CONDITIONS: { [Name in keyof UserFilter]?: (value: NonNullable<UserFilter[Name]>) => Condition } = {
  username: (value) => sql`t.username = ${value}`,
  username__iexact: (value) => sql`upper(t.username) = upper(${value}::text)`,
  email: (value) => sql`t.email = ${value}`,
  email__iexact: (value) => sql`upper(t.email) = upper(${value}::text)`,
  is_active: (value) => flag('is_active', value),
  is_staff: (value) => flag('is_staff', value),
  is_superuser: (value) => flag('is_superuser', value),
  last_login__gte: (value) => sql`${lastLogin} >= ${value}::timestamptz and ${hasLoggedIn}`,
  last_login__gt: (value) => sql`${lastLogin} > ${value}::timestamptz and ${hasLoggedIn}`,
  last_login__lte: (value) => sql`${lastLogin} <= ${value}::timestamptz`,
  last_login__lt: (value) => sql`${lastLogin} < ${value}::timestamptz`,
  last_login__isnull: (value) => (value ? sql`${lastLogin} = 'infinity'` : hasLoggedIn),
  date_joined__gte: (value) => sql`t.date_joined >= ${value}::timestamptz`,
  date_joined__gt: (value) => sql`t.date_joined > ${value}::timestamptz`,
  date_joined__lte: (value) => sql`t.date_joined <= ${value}::timestamptz`,
  date_joined__lt: (value) => sql`t.date_joined < ${value}::timestamptz`,
  groupId: (value) => sql`t.id in (select user_id from auth_user_groups where group_id = ${value}::bigint)`,
  permissionId: holdersOf,
}

const hasLoggedIn = sql<SqlBool>`${lastLogin} < 'infinity'`

/** As a partial index has it. */
const flag = (name: string, value: boolean): Condition =>
  value ? sql`${sql.ref(`t.${name}`)}` : sql`not ${sql.ref(`t.${name}`)}`

/** Active users who hold the permission, as Django's `with_perm` finds them. */
function holdersOf(permissionId: number): RawBuilder<SqlBool> {
  return sql`t.is_active and t.id in (
    select id from auth_user where is_superuser
    union select user_id from auth_user_user_permissions where permission_id = ${permissionId}::bigint
    union select m.user_id from auth_group_permissions p join auth_user_groups m using (group_id)
      where p.permission_id = ${permissionId}::bigint
  )`
}

function conditionsOf({ search, ...filter }: UserFilter): Condition[] {
  const conditions = Object.entries(filter).flatMap(([name, value]) => {
    const condition = CONDITIONS[name as keyof UserFilter] as ((value: unknown) => Condition) | undefined
    return value === undefined || condition === undefined ? [] : [condition(value)]
  })
  return [...conditions, ...containsWords(userSource.searched, search ?? '')]
}
