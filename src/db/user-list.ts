/** Finding users. */
import { type RawBuilder, sql, type SqlBool } from 'kysely'
import type { UserListQuery, UserOrdering } from '../../schemas/index.js'
import type { Database, Queryable } from './database.js'
import {
  type Condition,
  conditionsBy,
  type ConditionTable,
  containsWords,
  type ListSource,
  type Page,
  type PageRequest,
  rangeConditions,
  readPageOn,
  type SortKey,
} from './list.js'
import { unnamed } from './statement.js'
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
  permissionIds?: number[] | undefined
}

/** One page of the users that the filter lets through. */
export async function listUsers(
  db: Database,
  filter: UserFilter,
  page: PageRequest,
): Promise<Page<StoredUser>> {
  const { conditions, sets } = partsOf(filter, page)
  const picked = sets.map(({ ids }) => sql<SqlBool>`t.id = any(array(${ids}))`)
  return db.snapshot(async (connection) => {
    const small = await findSmall(connection, sets)
    const inPage = sets.map(({ holds }, index) => (small[index] ? picked[index]! : holds))
    const inAll = sets.map(({ isAmong }, index) => (small[index] ? picked[index]! : isAmong))
    return readPageOn(connection, userSource, [...conditions, ...inPage], page, [...conditions, ...inAll])
  })
}

/** How each parameter is asked for. Django compares in upper case for `iexact`, and so do its own indexes. */
const CONDITIONS: ConditionTable<Omit<UserFilter, 'groupId' | 'permissionIds'>> = {
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
  ...rangeConditions('date_joined'),
}

const hasLoggedIn = sql<SqlBool>`${lastLogin} < 'infinity'`

/** As a partial index has it. */
const flag = (name: string, value: boolean): Condition =>
  value ? sql`${sql.ref(`t.${name}`)}` : sql`not ${sql.ref(`t.${name}`)}`

/**
 * Users whom the planner does not know how to find: few of them must be picked by their ids, but of many only one page
 * be read in its order. It can't tell which permission many hold, nor that those who joined last have the highest ids.
 */
interface UserSet {
  /** The ids, some perhaps twice. */
  ids: RawBuilder<unknown>
  /** As many rows of nothing: an index on less has them, and whoever wants only some does not wait for all. */
  rows: RawBuilder<unknown>
  /** Whether `t` is one of them, asked for one user at a time. No `exists`: that may read all of them first. */
  holds: Condition
  /** The same, for all users at once. */
  isAmong: Condition
}

/** Picking this many costs about as much as reading on until a hundred of this many are met among a million. */
const FEW = 20_000

/** Which of the sets are small. */
async function findSmall(db: Queryable, sets: readonly UserSet[]): Promise<boolean[]> {
  if (sets.length === 0) return []
  const tests = sets.map(
    ({ rows }) => sql`(select count(*) from (${rows} limit ${FEW + 1}) as few) <= ${FEW}`,
  )
  const [row] = await db.run(unnamed(sql<{ small: boolean[] }>`select array[${sql.join(tests)}] as small`))
  return row!.small
}

const membersOf = (groupId: number): UserSet => {
  const ids = sql`select user_id from auth_user_groups where group_id = ${groupId}::bigint`
  return {
    ids,
    rows: sql`select from auth_user_groups where group_id = ${groupId}::bigint`,
    holds: sql`(select true from auth_user_groups where user_id = t.id and group_id = ${groupId}::bigint)`,
    isAmong: sql`t.id in (${ids})`,
  }
}

/** Superusers, and those whom the permission was given themselves or through a group. */
function holdersOf(permissionIds: number[]): UserSet {
  const superusers = sql`select id from auth_user where is_superuser`
  const direct = sql`select user_id from auth_user_user_permissions where permission_id = any(${permissionIds}::bigint[])`
  // By `offset` each group is read by itself, through its index.
  const members = sql`select m.user_id from auth_group_permissions p
    cross join lateral (select user_id from auth_user_groups where group_id = p.group_id offset 0) m
    where p.permission_id = any(${permissionIds}::bigint[])`
  const memberRows = sql`select 1 from auth_group_permissions p
    cross join lateral (select from auth_user_groups where group_id = p.group_id limit ${FEW + 1}) m
    where p.permission_id = any(${permissionIds}::bigint[])`
  const groups = sql`select group_id from auth_group_permissions where permission_id = any(${permissionIds}::bigint[])`
  return {
    ids: sql`${superusers} union all ${direct} union all ${members}`,
    rows: sql`${superusers} union all ${direct} union all ${memberRows}`,
    holds: sql`(t.is_superuser
      or (select true from auth_user_user_permissions
          where user_id = t.id and permission_id = any(${permissionIds}::bigint[]) limit 1)
      or (select true from auth_user_groups where user_id = t.id and group_id = any(array(${groups})) limit 1))`,
    isAmong: sql`t.id in (${superusers} union ${direct} union ${members})`,
  }
}

const fittingUsers = (conditions: readonly Condition[]): UserSet => {
  const all = sql<SqlBool>`${sql.join(conditions, sql` and `)}`
  return {
    ids: sql`select t.id from auth_user as t where ${all}`,
    rows: sql`select from auth_user as t where ${all}`,
    holds: all,
    isAmong: all,
  }
}

/** Limits in time, which ids go along with. */
const isTimeLimit = (name: string) => /^(date_joined|last_login)__[gl]te?$/.test(name)

function partsOf(
  { search, groupId, permissionIds, ...filter }: UserFilter,
  { ordering }: PageRequest,
): { conditions: Condition[]; sets: UserSet[] } {
  const found = conditionsBy(CONDITIONS, filter)
  const isBounded = ({ name }: { name: string }) => ordering[0]?.field === 'id' && isTimeLimit(name)
  const limits = found.filter(isBounded).map(({ condition }) => condition)
  const conditions = found.filter((one) => !isBounded(one)).map(({ condition }) => condition)
  // As Django's `with_perm` finds them.
  if (permissionIds !== undefined) conditions.push(flag('is_active', true))
  return {
    conditions: [...conditions, ...containsWords(userSource.searched, search ?? '')],
    sets: [
      ...(groupId === undefined ? [] : [membersOf(groupId)]),
      ...(permissionIds === undefined ? [] : [holdersOf(permissionIds)]),
      ...(limits.length === 0 ? [] : [fittingUsers(limits)]),
    ],
  }
}
