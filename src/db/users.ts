/** Reading users, and locking them for a change. */
import { type Selectable, sql } from 'kysely'
import type { Queryable, Transaction } from './database.js'
import { anyOf } from './rows.js'
import { query, statement } from './statement.js'
import type { AuthUserTable } from './tables.js'

/** The columns of `auth_user`: a user without memberships. `password` is the encoded hash. */
export type UserColumns = Selectable<AuthUserTable>

/** A user as stored: the columns, and the sets as ids in ascending order. */
export interface StoredUser extends UserColumns {
  groups: number[]
  user_permissions: number[]
}

/** Their names. */
export const USER_COLUMNS = [
  'id',
  'password',
  'last_login',
  'is_superuser',
  'username',
  'first_name',
  'last_name',
  'email',
  'is_staff',
  'is_active',
  'date_joined',
] as const

/** A whole user of the table under the alias `t`. */
export const wholeUser = sql<StoredUser>`${sql.join(USER_COLUMNS.map((column) => sql.ref(`t.${column}`)))},
  array(select group_id from auth_user_groups where user_id = t.id order by 1) as groups,
  array(select permission_id from auth_user_user_permissions where user_id = t.id order by 1) as user_permissions`

const readUsersStatement = statement('read_users', (ids: number[]) =>
  query
    .selectFrom(sql<StoredUser>`(select ${wholeUser} from auth_user as t where t.id = ${anyOf(ids)})`.as('u'))
    .selectAll(),
)

/** These users, memberships included; for an id that is no user's, undefined. In the order of the ids. */
export async function readUsers(db: Queryable, ids: readonly number[]): Promise<(StoredUser | undefined)[]> {
  const rows = await db.run(readUsersStatement, [...new Set(ids)])
  const users = new Map(rows.map((user) => [user.id, user]))
  return ids.map((id) => users.get(id))
}

const lockUsersStatement = statement('lock_users', (ids: number[]) =>
  query
    .selectFrom('auth_user')
    .select(USER_COLUMNS)
    .where('id', '=', anyOf(ids))
    .orderBy('id')
    .forNoKeyUpdate(),
)

/**
 * Locks the rows of these users in ascending id, and gives their newest state.
 * `FOR NO KEY UPDATE`: plain `FOR UPDATE` would also block the foreign-key checks of other tables.
 */
export const lockUsers = (transaction: Transaction, ids: number[]): Promise<UserColumns[]> =>
  transaction.run(lockUsersStatement, ids)

const guardStatement = statement('lock_superuser_guard', () =>
  query.selectNoFrom(
    sql`pg_advisory_xact_lock(hashtextextended('user_admin.superuser_guard', 0))`.as('guard'),
  ),
)

/** Taken before all other locks by whatever could remove an active superuser: one such change at a time. */
export async function lockSuperuserGuard(transaction: Transaction): Promise<void> {
  await transaction.run(guardStatement)
}

const activeSuperusersStatement = statement('active_superusers', (limit: number) =>
  query
    .selectFrom('auth_user')
    .select('id')
    .where('is_superuser', '=', true)
    .where('is_active', '=', true)
    .limit(sql<number>`${limit}::int`)
    .forShare(),
)

/** Some of the active superusers, at most `limit`. Shared locks, so that Django can't demote them meanwhile. */
export async function activeSuperusers(transaction: Transaction, limit: number): Promise<number[]> {
  const rows = await transaction.run(activeSuperusersStatement, limit)
  return rows.map(({ id }) => id)
}
