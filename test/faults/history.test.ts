/** Several processes write a few users through two services, while everything fails; then the history must explain every answer. */
import { type ChildProcess, fork } from 'node:child_process'
import { once } from 'node:events'
import { setTimeout as sleep } from 'node:timers/promises'
import t, { type Test } from 'tap'
import { crash, killAt, killIdle } from './backends.js'
import { tellFigure } from './figures.js'
import type { Told } from './load-process.js'
import { clock, type LoadOptions } from './load.js'
import { countAnswers, number } from './measures.js'
import { startOwnPostgres } from './postgres.js'
import { type Proxy, startProxy } from './proxy.js'
import { eventsOf } from './stored.js'
import { loadOf, startWorld, underLoad } from './world.js'

const PROCESSES = 3
const WRITES = 3_000
const PATIENCE_MS = 400_000

let proxy!: Proxy
const postgres = await startOwnPostgres(t)
const world = await startWorld(t, {
  databaseUrl: postgres.url,
  through: async (url) => (proxy = await startProxy(t, url)).url,
  services: 2,
  users: 3,
})
const { pool } = world
const between = { pool, proxy }
const faults = { idle: 0, statements: 0, crashes: 0 }

function startClient(t: Test, options: LoadOptions): ChildProcess {
  const child = fork(new URL('load-process.ts', import.meta.url), {
    execArgv: ['--import', import.meta.resolve('tsx')],
    env: { PATH: process.env.PATH },
  })
  t.teardown(() => child.kill())
  child.send(options)
  return child
}

async function stopClient(child: ChildProcess): Promise<Told> {
  const told = once(child, 'message')
  child.send('stop')
  return (await told)[0] as Told
}

/** One of each kind, and some more of the small ones. */
async function failOnce(): Promise<void> {
  for (let nth = 1; nth <= 6; nth++) {
    await killAt(between, (passing) => passing.nth === nth, 'hold')
    await killAt(between, ({ isCommit }) => isCommit, nth % 2 ? 'hide' : 'hold')
    faults.statements += 2
    faults.idle += await killIdle(pool)
    await sleep(50)
  }
  await crash(pool)
  faults.crashes++
}

t.test('everybody writes, and everything fails', async (t) => {
  const clients = Array.from({ length: PROCESSES }, () => startClient(t, { ...loadOf(world), writers: 8 }))
  let told: Told[] = []
  let events = 0
  await underLoad(
    t,
    world,
    async () => {
      for (const began = clock(); events < WRITES && clock() - began < PATIENCE_MS;) {
        await failOnce()
        await sleep(500)
        events = (await eventsOf(pool, world.users)).length
      }
      told = await Promise.all(clients.map(stopClient))
      world.operations.push(...told.flatMap(({ answers }) => answers))
    },
    { writers: 1, readers: 1 },
  )
  t.ok(events >= WRITES, `${events} writes`)
  t.strictSame(told.flatMap(({ unexpected }) => unexpected).slice(0, 5), [], 'nor is anything else answered')
  const answers = told.flatMap(({ answers }) => answers)
  tellFigure(t, {
    chapter: 'history',
    fault:
      `${PROCESSES} processes read and write ${world.users.length} users through two services, while ${faults.idle} idle backends and ` +
      `${faults.statements} at statements are killed, and PostgreSQL crashes ${faults.crashes} times`,
    promise:
      'Every answered write is in the audit history once, in an order that explains every read and the final state',
    figure: `${countAnswers(answers)}; ${number((await eventsOf(pool, world.users)).length)} writes in the history`,
  })
})
