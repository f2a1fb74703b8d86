/** Writing many new users at once. */
import { sql } from 'kysely'
import { type CopiedRows, copyLine } from './copy.js'
import type { Queryable, Transaction } from './database.js'
import { statement, query, unnamed } from './statement.js'
import { type StoredUser, USER_COLUMNS } from './users.js'

const defaultStatement = statement('default_id', (relation: string) =>
  query.selectNoFrom([
    sql<string | null>`pg_get_serial_sequence(${relation}::text, 'id')`.as('sequence'),
    sql<string | null>`(select pg_get_expr(d.adbin, d.adrelid) from pg_attrdef d
      join pg_attribute a on a.attrelid = d.adrelid and a.attnum = d.adnum
      where d.adrelid = to_regclass(${relation}) and a.attname = 'id')`.as('expression'),
  ]),
)

/**
 * Where the ids of new users come from: the sequence of the column, or whatever else its default is.
 * @param relation the table of users, as SQL names it
 */
export async function findIdSource(db: Queryable, relation: string): Promise<string> {
  const [found] = await db.run(defaultStatement, relation)
  const { sequence, expression } = found!
  return sequence === null ? expression! : `nextval('${sequence.replaceAll("'", "''")}')`
}

/** Takes ids for new users, in ascending order. Those that are not used leave a gap. */
export async function takeIds(transaction: Transaction, source: string, count: number): Promise<number[]> {
  const ids = sql<{
    ids: number[]
  }>`select array_agg(${sql.raw(source)}::bigint) as ids from generate_series(1, ${count}::int)`
  const [row] = count === 0 ? [] : await transaction.run(unnamed(ids))
  return (row?.ids ?? []).sort((one, other) => one - other)
}

const copiedUsers = (users: readonly StoredUser[]): CopiedRows => ({
  table: 'auth_user',
  columns: USER_COLUMNS,
  text: users.map((user) => copyLine(USER_COLUMNS.map((column) => user[column]))).join(''),
})

function copiedMembers(
  users: readonly StoredUser[],
  set: 'groups' | 'user_permissions',
  column: string,
): CopiedRows {
  let text = ''
  for (const user of users) for (const member of user[set]) text += copyLine([user.id, member])
  return { table: `auth_user_${set}`, columns: ['user_id', column], text }
}

/**
 * Sends new users with their memberships. Foreign keys are looked at when constraints are checked.
 * @param users with ids of `takeIds`
 */
export function sendUsers(transaction: Transaction, users: readonly StoredUser[]): void {
  // Each text is made while PostgreSQL is at the one before.
  transaction.copy(copiedUsers(users))
  transaction.copy(copiedMembers(users, 'groups', 'group_id'))
  transaction.copy(copiedMembers(users, 'user_permissions', 'permission_id'))
}
