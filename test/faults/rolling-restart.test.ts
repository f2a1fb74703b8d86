/** Two replicas behind a balancer are restarted one after the other, and nobody who uses them sees it. */
import { setTimeout as sleep } from 'node:timers/promises'
import t from 'tap'
import { readConfig } from '../../src/config.js'
import { exchange } from '../../src/contract/http.js'
import { type Running, spawnStart } from '../helpers/cli.js'
import { until } from '../helpers/until.js'
import { createDatabase } from '../helpers/database.js'
import { freePort } from '../helpers/free-port.js'
import { fixturesOf, requester } from '../helpers/service.js'
import { startBalancer } from './balancer.js'
import { tellFigure } from './figures.js'

const RESTARTS = 20
const PER_SECOND = 300
const TICK_MS = 20
const USERS = 20
/** Every fourth request is a PATCH. */
const PATCH_EVERY = 4
const DELAY_MS = 2_000
const GRACE_MS = 20_000

const { url: DATABASE_URL, pool } = await createDatabase(t)
const { makeUser, makeCaller } = fixturesOf(pool, readConfig({}))
const users = await Promise.all(Array.from({ length: USERS }, () => makeUser()))
const { key } = await makeCaller()
const replicas = await Promise.all([startReplica(await freePort()), startReplica(await freePort())])
const balancer = await startBalancer(
  t,
  replicas.map(({ url }) => url),
)

function startReplica(port: number): Promise<Running> {
  return spawnStart(t, {
    DATABASE_URL,
    PORT: String(port),
    LOG_LEVEL: 'warn',
    SHUTDOWN_DELAY_MS: String(DELAY_MS),
    SHUTDOWN_TIMEOUT_MS: String(GRACE_MS),
  })
}

t.test(`${RESTARTS} restarts at ${PER_SECOND} requests a second`, { timeout: 400_000 }, async (t) => {
  await until(() => replicas.every(({ url }) => balancer.isReady(url)))
  const load = startSteadyLoad()
  t.teardown(() => load.stop())
  const began = performance.now()
  const endings: number[] = []
  for (let restart = 0; restart < RESTARTS; restart++) {
    const replica = replicas[restart % 2]!
    endings.push(await end(replica))
    replicas[restart % 2] = await startReplica(Number(new URL(replica.url).port))
    await until(() => balancer.isReady(replica.url))
  }
  const seconds = (performance.now() - began) / 1_000
  const { sent, patched, failed } = await load.stop()
  const rate = sent / seconds

  t.strictSame(failed.slice(0, 5), [], 'no request failed')
  const { rows } = await pool.query(
    "select count(*)::int as events from user_admin.audit_event where action = 'user.update'",
  )
  t.equal(rows[0].events, patched, 'each PATCH was made once')
  t.ok(rate > PER_SECOND * 0.75, `the load was kept up: ${rate.toFixed()} a second`)
  tellFigure(t, {
    chapter: 'restarts',
    fault: `Two replicas behind a balancer, each restarted ${RESTARTS / 2} times by SIGTERM at ${PER_SECOND} requests a second, a quarter of them PATCHes`,
    promise:
      'No request fails; readiness falls first; each ends by itself, with status 0, within the time of its settings',
    figure: `${sent.toLocaleString('en')} requests, ${failed.length} failed; the slowest end took ${(Math.max(...endings) / 1_000).toFixed(1)} s of ${(DELAY_MS + GRACE_MS) / 1_000} s`,
  })

  /** @returns the milliseconds that it took */
  async function end(replica: Running): Promise<number> {
    const signalled = performance.now()
    const request = requester(replica.url)
    replica.kill('SIGTERM')
    const statusOf = async (path: string) => (await request('GET', path, { key })).status
    await until(async () => (await statusOf('/readyz')) === 503)
    t.equal(
      await statusOf(`/admin/users/${users[0]!}/`),
      200,
      'it answers yet, when it is not ready any more',
    )
    t.equal(await replica.ended, 0)
    const took = performance.now() - signalled
    t.ok(took < DELAY_MS + GRACE_MS, `it ended after ${took.toFixed()} ms`)
    return took
  }
})

/** Requests at a rate that does not care how fast they are answered. */
function startSteadyLoad() {
  const failed: string[] = []
  const answers: Promise<void>[] = []
  let isOver = false
  let patched = 0

  async function send(index: number): Promise<void> {
    const isPatch = index % PATCH_EVERY === 0
    const path = `/admin/users/${users[index % USERS]!}/`
    try {
      const { status, text } = await exchange(new URL(balancer.url), {
        method: isPatch ? 'PATCH' : 'GET',
        path,
        headers: { authorization: `Bearer ${key}`, 'content-type': 'application/json' },
        body: isPatch ? JSON.stringify({ last_name: `name ${index}` }) : undefined,
      })
      if (status !== 200) failed.push(`${isPatch ? 'PATCH' : 'GET'}: ${status} ${text}`)
      else if (isPatch) patched++
    } catch (error) {
      failed.push(String(error))
    }
  }

  const sending = (async () => {
    for (const began = performance.now(); !isOver; await sleep(TICK_MS)) {
      const due = ((performance.now() - began) / 1_000) * PER_SECOND
      while (answers.length < due) answers.push(send(answers.length))
    }
  })()
  return {
    async stop() {
      isOver = true
      await sending
      await Promise.all(answers)
      return { sent: answers.length, patched, failed }
    },
  }
}
