/** Rows as parameters: one array a column, which costs PostgreSQL a fifth less than JSON. */
import { sql, type SqlBool } from 'kysely'

/** The rows of these arrays, under the alias `d`. A column that is an empty array is filled up with nulls. */
export function rowsOf<Row>(types: Record<string, string>, arrays: readonly unknown[][]) {
  const columns = Object.entries(types)
  const unnested = columns.map(([, type], index) => sql`${arrays[index]}::${sql.raw(type)}[]`)
  return sql<Row>`unnest(${sql.join(unnested)})`.as<'d'>(
    sql`d(${sql.raw(columns.map(([name]) => name).join(', '))})`,
  )
}

/** Whatever is one of these ids. Compared as bigint: one that is past the range of its column does not exist, and is no error. */
export const anyOf = (ids: readonly unknown[]) => sql<number>`any(${ids}::bigint[])`

/**
 * A condition that holds, and is looked at once all rows of another part of the statement, which deletes and returns them,
 * are gone. PostgreSQL runs parts in any order, and Django removes memberships, without
 * a lock on the user, before it adds others: whoever does it the other way round waits for a Django that waits for them.
 */
export const afterDeletion = (deleted: string) =>
  sql<SqlBool>`(select count(*) from ${sql.ref(deleted)}) >= 0`
