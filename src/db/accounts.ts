/** Users that come and go: their rows, and whatever goes with them. */
import { sql } from 'kysely'
import { checkConstraints } from './constraints.js'
import type { Queryable, Transaction } from './database.js'
import type { OwnedTable } from './names.js'
import { query, statement } from './statement.js'
import type { UserColumns } from './users.js'

const insertStatement = statement(
  'insert_user',
  (
    password: string,
    lastLogin: string | null,
    isSuperuser: boolean,
    username: string,
    firstName: string,
    lastName: string,
    email: string,
    isStaff: boolean,
    isActive: boolean,
    dateJoined: string,
  ) =>
    query
      .insertInto('auth_user')
      .values({
        password,
        last_login: lastLogin,
        is_superuser: isSuperuser,
        username,
        first_name: firstName,
        last_name: lastName,
        email,
        is_staff: isStaff,
        is_active: isActive,
        date_joined: dateJoined,
      })
      .returning('id'),
)

/**
 * @param user with its password encoded, or Django's mark of an unusable one
 * @returns the id of the new user
 */
export async function insertUser(db: Queryable, user: Omit<UserColumns, 'id'>): Promise<number> {
  const [row] = await db.run(
    insertStatement,
    user.password,
    user.last_login,
    user.is_superuser,
    user.username,
    user.first_name,
    user.last_name,
    user.email,
    user.is_staff,
    user.is_active,
    user.date_joined,
  )
  return row!.id
}

const deleteStatement = statement('delete_user', (id: number) =>
  query
    .with('group_memberships', (db) =>
      db.deleteFrom('auth_user_groups').where('user_id', '=', sql<number>`${id}::bigint`),
    )
    .with('own_permissions', (db) =>
      db.deleteFrom('auth_user_user_permissions').where('user_id', '=', sql<number>`${id}::bigint`),
    )
    .with('api_keys', (db) =>
      db.deleteFrom('user_admin.api_key').where('user_id', '=', sql<number>`${id}::bigint`),
    )
    .deleteFrom('auth_user')
    .where('id', '=', sql<number>`${id}::bigint`),
)

const deleteOwned = (table: OwnedTable) =>
  statement(`delete_${table}`, (id: number) =>
    query.deleteFrom(table).where('user_id', '=', sql<number>`${id}::bigint`),
  )

const OWNED: Record<OwnedTable, ReturnType<typeof deleteOwned>> = {
  authtoken_token: deleteOwned('authtoken_token'),
  django_admin_log: deleteOwned('django_admin_log'),
}

/**
 * Deletes a user with its memberships, permissions and API keys. Its row is locked.
 * @param owned other tables whose rows go with it, as in Django
 * @throws what PostgreSQL reports where another table refers to the user (23503, 23001)
 */
export async function deleteUser(
  transaction: Transaction,
  id: number,
  owned: readonly OwnedTable[],
): Promise<void> {
  await Promise.all([
    ...owned.map((table) => transaction.run(OWNED[table], id)),
    transaction.run(deleteStatement, id),
    checkConstraints(transaction),
  ])
}
