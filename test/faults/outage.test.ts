/** PostgreSQL ends under load, in every way it can, and comes back. */
import { setTimeout as sleep } from 'node:timers/promises'
import t, { type Test } from 'tap'
import { until } from '../helpers/cli.js'
import { tellFigure } from './figures.js'
import { clock, type Load } from './load.js'
import { startOwnPostgres } from './postgres.js'
import {
  backToNormalAfter,
  countAnswers,
  seconds,
  slowest,
  startWorld,
  untilNormal,
  watchDatabase,
} from './world.js'

const OUTAGE_MS = 30_000
const CRASHES = 10
const DATABASE_TIMEOUT_MS = 5_000
/** A request may wait for a connection, and then for what became of a commit. */
const PATIENCE_MS = 3 * DATABASE_TIMEOUT_MS

const postgres = await startOwnPostgres(t)
const world = await startWorld(t, {
  databaseUrl: postgres.url,
  settings: { DATABASE_TIMEOUT_MS: String(DATABASE_TIMEOUT_MS) },
})
const loads: Load[] = []

/** Loads the service while `fault` is done to it. @param fault returns when it has ended */
async function underLoad(t: Test, fault: () => Promise<unknown>) {
  const watcher = watchDatabase(world)
  const load = world.load()
  loads.push(load)
  await untilNormal(load)
  await fault()
  const faultEnd = clock()
  await untilNormal(load)
  await load.stop()
  const normal = backToNormalAfter(faultEnd, load)
  t.ok(normal <= 2_000, `back to normal after ${normal} ms`)
  t.ok(slowest(load.answers) < PATIENCE_MS, `no answer took longer than ${slowest(load.answers)} ms`)
  await world.keepsItsPromise(t, loads, await watcher.stop())
  return { load, normal }
}

t.test('it is stopped for 30 seconds', async (t) => {
  const { load, normal } = await underLoad(t, async () => {
    await postgres.end('SIGQUIT')
    const restart = sleep(OUTAGE_MS).then(() => postgres.start())
    t.equal((await world.request('GET', '/healthz')).status, 200, 'alive')
    t.equal((await world.request('GET', '/readyz')).status, 503, 'and not ready')
    await restart
  })
  t.equal((await world.request('GET', '/readyz')).status, 200, 'ready again')
  tellFigure(t, {
    chapter: 'database',
    fault: 'PostgreSQL stopped (immediate mode) for 30 s, and started again',
    promise:
      'No process ends, `/healthz` is 200 and `/readyz` 503 meanwhile, no answer is a lie, normal within 2 s',
    figure: `${countAnswers([load])}, none after more than ${seconds(slowest(load.answers))}; normal after ${seconds(normal)}`,
  })
})

t.test('its main process is killed', async (t) => {
  const { load, normal } = await underLoad(t, async () => {
    await postgres.end('SIGKILL')
    await postgres.start()
  })
  tellFigure(t, {
    chapter: 'database',
    fault: 'The main process of PostgreSQL killed (SIGKILL), and started again at once',
    promise: 'No process ends, no answer is a lie, normal within 2 s',
    figure: `${countAnswers([load])}; normal after ${seconds(normal)}`,
  })
})

t.test('it crashes again and again, and recovers by itself', async (t) => {
  const { load, normal } = await underLoad(t, async () => {
    for (let crash = 0; crash < CRASHES; crash++) {
      process.kill(await until(backend), 'SIGKILL')
      await sleep(50)
      await until(() => backend().then(Boolean))
      await sleep(300 * Math.random())
    }
  })
  tellFigure(t, {
    chapter: 'database',
    fault: `A backend killed (SIGKILL), upon which PostgreSQL ends all others and recovers from its log; ${CRASHES} times`,
    promise: 'No process ends, no answer is a lie, normal within 2 s',
    figure: `${countAnswers([load])}; normal after ${seconds(normal)}`,
  })
})

/** The process of a connection of the service that has something to do. */
async function backend(): Promise<number | undefined> {
  const { rows } = await world.pool
    .query(
      `select pid from pg_stat_activity where application_name = 'fastify-user-admin'
       order by (state <> 'idle') desc, random() limit 1`,
    )
    .catch(() => ({ rows: [] }))
  return rows[0]?.pid
}
