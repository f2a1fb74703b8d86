/** Filling a throw-away database with data that is known beforehand. */
import { sql } from 'kysely'
import type { Queryable } from './database.js'
import { rowsOf } from './rows.js'
import { query, statement, unnamed } from './statement.js'
import type { Membership } from './write-users.js'

/** What a running service goes on with. */
const KEPT = ['migration', 'secret']

/**
 * Removes all users and groups, and what happened. Ids begin with 1 again.
 * Permissions stay, as Django makes them with its tables.
 */
export async function removeEverything(db: Queryable): Promise<void> {
  const own = await db.run(
    unnamed(sql<{ table: string }>`select quote_ident(tablename) as "table" from pg_tables
      where schemaname = 'user_admin' and tablename <> all(${KEPT}::text[]) order by 1`),
  )
  const tables = ['auth_user', 'auth_group', ...own.map(({ table }) => `user_admin.${table}`)]
  await db.run(unnamed(sql`truncate ${sql.raw(tables.join(', '))} restart identity cascade`))
}

const MEMBERSHIP = { user_id: 'bigint', member_of: 'bigint' }

const membershipsStatement = statement(
  'insert_memberships',
  (...arrays: unknown[][]) => {
    const rows = (at: number) =>
      query
        .selectFrom(rowsOf<Membership>(MEMBERSHIP, arrays.slice(at, at + 2)))
        .select(['user_id', 'member_of'])
    return query
      .with('joined', (db) =>
        db.insertInto('auth_user_groups').columns(['user_id', 'group_id']).expression(rows(0)),
      )
      .insertInto('auth_user_user_permissions')
      .columns(['user_id', 'permission_id'])
      .expression(rows(2))
  },
  4,
)

/** Puts users into groups, and gives them permissions. */
export async function insertMemberships(
  db: Queryable,
  groups: readonly Membership[],
  permissions: readonly Membership[],
): Promise<void> {
  await db.run(membershipsStatement, ...[groups, permissions].flatMap(columnsOf))
}

const columnsOf = (rows: readonly Membership[]): unknown[][] => [
  rows.map(({ user_id }) => user_id),
  rows.map(({ member_of }) => member_of),
]
