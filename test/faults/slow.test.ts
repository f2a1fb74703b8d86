/** Statements that take longer than they may, and more of them than there are connections. */
import { setTimeout as sleep } from 'node:timers/promises'
import pg from 'pg'
import t, { type Test } from 'tap'
import { tellFigure } from './figures.js'
import { clock } from './load.js'
import { countAnswers, seconds, slowest } from './measures.js'
import { startWorld, underLoad } from './world.js'

const TIMEOUT_MS = 2_000
const LOCKED_MS = 12_000
const POOL_SIZE = 3
const AT_ONCE_MS = 1_000

const world = await startWorld(t, {
  settings: { DATABASE_TIMEOUT_MS: String(TIMEOUT_MS), POOL_SIZE: String(POOL_SIZE) },
})

/** What of the service is asked while nothing can be done, and what for. */
const ALWAYS_ANSWERED = [
  { method: 'GET', path: '/healthz', key: undefined, status: 200 },
  { method: 'GET', path: '/nowhere', key: undefined, status: 404 },
  { method: 'GET', path: '/admin/nothing/', key: undefined, status: 404 },
  { method: 'DELETE', path: '/healthz', key: undefined, status: 405 },
  { method: 'DELETE', path: '/admin/users/', key: world.key, status: 405 },
  { method: 'GET', path: '/readyz', key: undefined, status: 200 },
  { method: 'GET', path: '/admin/users/', key: undefined, status: 401 },
  { method: 'GET', path: '/admin/users/', key: 'nonsense', status: 401 },
  { method: 'PATCH', path: '/admin/users/1/', key: `uak_${'A'.repeat(43)}`, status: 401 },
]
/** Holds locks while `work` is done. */
async function locked(t: Test, lock: string, work: () => Promise<unknown>): Promise<void> {
  const holder = new pg.Client({ connectionString: world.pool.options.connectionString })
  await holder.connect()
  t.teardown(() => holder.end())
  await holder.query('begin')
  await holder.query(lock)
  await work()
  await holder.query('rollback')
}

/** Looks every now and then for so long. */
async function meanwhile(work: () => Promise<unknown>): Promise<void> {
  for (const began = clock(); clock() - began < LOCKED_MS; await sleep(100)) await work()
}

t.test('statements past their deadline', async (t) => {
  let oldest = 0
  const { answers, normal } = await underLoad(t, world, () =>
    locked(t, 'lock table auth_user in access exclusive mode', () =>
      meanwhile(async () => {
        const { rows } = await world.pool.query(
          `select coalesce(max(extract(epoch from clock_timestamp() - query_start)), 0)::float8 as age from pg_stat_activity
           where datname = current_database() and application_name = 'fastify-user-admin' and state = 'active'`,
        )
        oldest = Math.max(oldest, rows[0].age * 1_000)
      }),
    ),
  )
  t.ok(oldest > TIMEOUT_MS / 2, 'they waited')
  // A read is given up after twice the time, and then cancelled.
  t.ok(oldest < 3 * TIMEOUT_MS, `no backend was at one statement for longer than ${oldest.toFixed()} ms`)
  t.ok(slowest(answers) < LOCKED_MS, `the slowest answer took ${slowest(answers).toFixed()} ms`)
  tellFigure(t, {
    chapter: 'load',
    fault: `A table locked for ${seconds(LOCKED_MS)}; DATABASE_TIMEOUT_MS=${TIMEOUT_MS}`,
    promise: `No statement goes on in its backend for ${seconds(3 * TIMEOUT_MS)}; no answer is a lie; normal within 2 s`,
    figure: `${countAnswers(answers)}; the oldest statement was ${seconds(oldest)} old, the slowest answer took ${seconds(slowest(answers))}; normal after ${seconds(normal)}`,
  })
})

t.test('more requests that wait for the database than it has connections', async (t) => {
  const others: number[] = []
  let busy = 0
  const { answers, normal } = await underLoad(
    t,
    world,
    () =>
      locked(t, `select from auth_user where id = any('{${world.users.join()}}') for update`, () =>
        meanwhile(async () => {
          const asked = ALWAYS_ANSWERED.map(async ({ method, path, key, status }) => {
            const answer = await world.request(method, path, { key })
            if (answer.status !== status) t.fail(`${method} ${path}: ${answer.status} instead of ${status}`)
            others.push(answer.milliseconds)
          })
          await Promise.all(asked)
          busy = Math.max(busy, await countBusy())
        }),
      ),
    { writers: 40, readers: 2 },
  )
  t.equal(busy, POOL_SIZE, 'all connections were busy')
  // Who waited for the database would do so each time; a machine stands still once.
  const usual = others.toSorted((a, b) => a - b)[Math.floor(others.length * 0.95)]!
  t.ok(usual < AT_ONCE_MS, `19 of 20 of the others took no more than ${usual.toFixed()} ms`)
  tellFigure(t, {
    chapter: 'load',
    fault: `All ${POOL_SIZE} connections of the pool wait for locks, and 40 writers for them, for ${seconds(LOCKED_MS)}`,
    promise:
      '`/healthz`, `/readyz`, 404, 405, missing, malformed and unknown credentials are answered at once, 19 of 20 within a second; others are 503 with `Retry-After`; normal within 2 s',
    figure: `${others.length.toLocaleString('en')} of these, 19 of 20 within ${seconds(usual)}; ${countAnswers(answers)}; normal after ${seconds(normal)}`,
  })
})

/** Connections of the service that are in the middle of something. */
async function countBusy(): Promise<number> {
  const { rows } = await world.pool.query(
    `select count(*)::int as busy from pg_stat_activity
     where datname = current_database() and application_name = 'fastify-user-admin' and state <> 'idle'`,
  )
  return rows[0].busy
}
