/** Waiting for what is to happen, however long that takes a busy machine. */
import { setTimeout as sleep } from 'node:timers/promises'
import type pg from 'pg'

const PATIENCE_MS = 120_000
const PAUSE_MS = 20

/** What `attempt` gives once it gives anything. */
export async function until<T>(attempt: () => T | Promise<T>): Promise<NonNullable<T>> {
  for (const began = Date.now(); Date.now() - began < PATIENCE_MS; await sleep(PAUSE_MS)) {
    const value = await attempt()
    if (value) return value
  }
  throw new Error('it has not happened')
}

/** Until so many connections to a database wait for a lock. */
export const untilLocksAreAwaited = (db: pg.Pool | pg.Client, count = 1): Promise<boolean> =>
  until(async () => {
    const { rowCount } = await db.query(
      `select from pg_stat_activity where datname = current_database() and wait_event_type = 'Lock'`,
    )
    return rowCount! >= count
  })
