/** Writing many new users at once. */
import { sql } from 'kysely'
import { type AuditEvent, copiedEvents } from './audit.js'
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
 * Writes new users with their memberships. Foreign keys are looked at when constraints are checked.
 * @param users with ids of `takeIds`
 */
export async function insertUsers(transaction: Transaction, users: readonly StoredUser[]): Promise<void> {
  // Each text is made while PostgreSQL is at the one before.
  const parts = [
    () => copiedUsers(users),
    () => copiedMembers(users, 'groups', 'group_id'),
    () => copiedMembers(users, 'user_permissions', 'permission_id'),
  ]
  let copied: Promise<void> = Promise.resolve()
  for (const part of parts) {
    const rows = part()
    await copied
    copied = rows.text === '' ? copied : transaction.copy(rows)
    copied.catch(() => {})
  }
  await copied
}

/** Writes what is recorded of them. As the last thing: readers of the feed wait for whoever has written some. */
export async function insertEvents(transaction: Transaction, events: readonly AuditEvent[]): Promise<void> {
  if (events.length === 0) return
  await transaction.copy(copiedEvents(events))
  transaction.leavesTrace(events)
}
