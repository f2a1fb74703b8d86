/** How often somebody came within a window of time, counted for all replicas. */
import { sql } from 'kysely'
import type { Database, Queryable } from './database.js'
import { query, statement } from './statement.js'

/** How often it was within the window, and in how many milliseconds that ends. */
export interface Count {
  current: number
  ttl: number
}

const isOver = sql`request_count.resets_at <= now()`
const windowEnd = (milliseconds: number) =>
  sql<string>`now() + make_interval(secs => ${milliseconds}::float8 / 1000)`

const countStatement = statement('count_request', (key: string, milliseconds: number) =>
  query
    .insertInto('user_admin.request_count')
    .values({ key, count: 1, resets_at: windowEnd(milliseconds) })
    .onConflict((conflict) =>
      conflict.column('key').doUpdateSet({
        count: sql<number>`case when ${isOver} then 1 else request_count.count + 1 end`,
        resets_at: sql<string>`case when ${isOver} then excluded.resets_at else request_count.resets_at end`,
      }),
    )
    .returning([
      'count as current',
      // Of two that come at once, the one whose transaction began first may find the other's window.
      sql<number>`least(ceil(extract(epoch from resets_at - now()) * 1000), ${milliseconds})::float8`.as(
        'ttl',
      ),
    ]),
)

/** Counts one more. @param milliseconds the length of a window that begins with the first */
export async function countRequest(db: Queryable, key: string, milliseconds: number): Promise<Count> {
  const [row] = await db.run(countStatement, key, milliseconds)
  return row!
}

const removeStatement = statement('remove_request_counts', () =>
  query
    .deleteFrom('user_admin.request_count')
    .where('resets_at', '<=', sql<string>`now()`)
    .returning('key'),
)

/** Removes those whose window has ended. @returns how many there were */
export const removeOldCounts = async (db: Database): Promise<number> => (await db.run(removeStatement)).length
