/** The service's connections as PostgreSQL sees them, and their end. */
import { setTimeout as sleep } from 'node:timers/promises'
import type pg from 'pg'
import { until } from '../helpers/until.js'
import type { Fate, Passing, Proxy } from './proxy.js'

const OURS = "application_name = 'fastify-user-admin' and datname = current_database()"

/** What they are doing, in words that `pg_stat_activity` has. */
export async function statesOf(pool: pg.Pool): Promise<{ state: string; wait_event: string | null }[]> {
  const { rows } = await pool.query(`select state, wait_event from pg_stat_activity where ${OURS}`)
  return rows
}

/** Ends one that has nothing to do, where there is one. @returns how many were ended */
export async function killIdle(pool: pg.Pool): Promise<number> {
  const { rowCount } = await pool.query(
    `select pg_terminate_backend(pid) from pg_stat_activity where ${OURS} and state = 'idle' limit 1`,
  )
  return rowCount ?? 0
}

/** The process of one, rather of one that has something to do; undefined where there is none, or no PostgreSQL. */
async function findBackend(pool: pg.Pool): Promise<number | undefined> {
  const { rows } = await pool
    .query(`select pid from pg_stat_activity where ${OURS} order by (state <> 'idle') desc, random() limit 1`)
    .catch(() => ({ rows: [] }))
  return rows[0]?.pid
}

/** Kills the backend at the next statement that is meant. */
export async function killAt(
  { pool, proxy }: { pool: pg.Pool; proxy: Proxy },
  isMeant: (passing: Passing) => boolean,
  fate: Fate,
): Promise<void> {
  let killed = false
  const kill = async ({ pid }: Passing) => {
    await pool.query('select pg_terminate_backend($1)', [pid])
    killed = true
  }
  proxy.answered = kill
  proxy.decide = (passing) => {
    if (!isMeant(passing)) return 'pass'
    proxy.decide = () => 'pass'
    if (fate === 'hold') void kill(passing)
    return fate
  }
  await until(() => killed)
}

/** Kills one, for which PostgreSQL ends all others and recovers, and waits until the service has connections again. */
export async function crash(pool: pg.Pool): Promise<void> {
  const backend = () => findBackend(pool)
  // One may have ended since it was found.
  await until(async () => kill(await until(backend)))
  await sleep(50)
  await until(backend)
}

function kill(pid: number): boolean {
  try {
    return process.kill(pid, 'SIGKILL')
  } catch {
    return false
  }
}
