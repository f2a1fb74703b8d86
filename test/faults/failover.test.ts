/** The primary of two servers dies under load, the other one takes over, and the service follows by its settings alone. */
import { setTimeout as sleep } from 'node:timers/promises'
import t, { type Test } from 'tap'
import { Database, openPool } from '../../src/db/database.js'
import { problemOf } from '../../src/db/sqlstate.js'
import { until } from '../helpers/until.js'
import { tellFigure } from './figures.js'
import { clock } from './load.js'
import { countAnswers, seconds } from './measures.js'
import { startPair } from './standby.js'
import { keepsItsPromise, startWorld, underLoad } from './world.js'

/** What those take to be sure of it who promote a standby. */
const DETECTION_MS = 3_000

const pair = await startPair(t)
const { primary, standby, ask } = pair
const world = await startWorld(t, {
  databaseUrl: pair.url,
  services: 2,
  settings: { DATABASE_TIMEOUT_MS: '4000' },
})
const { key, users, request } = world

/** The backend whose commit waits for the standby. */
async function waiting(): Promise<number | undefined> {
  const [row] = await ask(primary, "select pid from pg_stat_activity where wait_event = 'SyncRep' limit 1")
  return row?.pid as number | undefined
}

t.test('a standby by itself takes no changes, and says so', async (t) => {
  const pool = openPool(standby.url, { max: 1, timeoutMs: 5_000 })
  t.teardown(() => pool.end())
  const database = new Database(pool, { timeoutMs: 5_000, prepared: true })
  const failure: unknown = await database.transaction(async () => {}).catch((error: unknown) => error)
  t.match(problemOf(failure), { status: 503, message: /takes no changes/ })
  t.equal(pool.totalCount, 0, 'another connection may find another server')
})

/** A change whose commit waits for a standby that is silent. @param meanwhile is done to the backend that waits */
async function changeUnconfirmed(t: Test, name: string, meanwhile: (pid: number) => Promise<unknown>) {
  const [receiver] = await ask(standby, 'select pid from pg_stat_wal_receiver')
  const pid = Number(receiver!.pid)
  process.kill(pid, 'SIGSTOP')
  t.teardown(() => process.kill(pid, 'SIGCONT'))
  const began = clock()
  const state = { name, groups: [] }
  const answered = request('PATCH', `/admin/users/${users[0]}/`, { key, body: { last_name: name } })
  await meanwhile(await until(waiting))
  const { status, body } = await answered
  const { detail } = body as { detail?: string }
  t.match({ status, detail }, { status: 503, detail: /not known/ }, 'it is not confirmed')
  world.operations.push({ kind: 'write', user: users[0]!, began, ended: clock(), outcome: 'unknown', state })
  return () => process.kill(pid, 'SIGCONT')
}

t.test('a commit waits for the standby too long', async (t) => {
  const goOn = await changeUnconfirmed(t, 'slow', async () => {})
  t.ok(await waiting(), 'and is not cancelled, or it would be seen without the standby')
  goOn()
  await until(async () => (await waiting()) === undefined)
  await keepsItsPromise(t, world)
})

t.test('a backend is killed while its commit waits for the standby', async (t) => {
  const goOn = await changeUnconfirmed(t, 'killed', (pid) =>
    ask(primary, `select pg_terminate_backend(${pid})`),
  )
  goOn()
  await until(async () => (await waiting()) === undefined)
  await keepsItsPromise(t, world)
})

t.test('the primary is killed, and the standby takes over', async (t) => {
  let killed = 0
  let promoted = 0
  const { answers, normal } = await underLoad(
    t,
    world,
    async () => {
      killed = clock()
      await primary.end('SIGQUIT')
      await sleep(DETECTION_MS)
      await pair.promote()
      promoted = clock()
    },
    { writers: 16 },
  )
  const writes = answers.filter(({ kind, outcome }) => kind === 'write' && outcome === 'done')
  const first = writes.reduce(
    (first, { began, ended }) => (began > killed ? Math.min(first, ended) : first),
    Infinity,
  )
  t.equal((await request('GET', '/readyz')).status, 200, 'ready')
  tellFigure(t, {
    chapter: 'failover',
    fault: 'The primary killed (immediate stop), and its synchronous standby promoted 3 s later',
    promise:
      'With both in `DATABASE_URL`: no process ends, no acknowledged write is lost, no answer is a lie, normal within 2 s of the promotion',
    figure:
      `writes failed for ${seconds(first - killed)}, which is ${seconds(Math.max(0, first - promoted))} after the promotion; ` +
      `${countAnswers(answers)}; normal after ${seconds(normal)}`,
  })
})
