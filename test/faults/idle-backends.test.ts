/** Connections that are idle when their backend is killed. */
import { setTimeout as sleep } from 'node:timers/promises'
import t from 'tap'
import { tellFigure } from './figures.js'
import { clock } from './load.js'
import { backToNormalAfter, countAnswers, seconds, startWorld, untilNormal, watchDatabase } from './world.js'

const KILLS = 100

const world = await startWorld(t)
const { pool } = world

t.test(`${KILLS} idle backends are killed`, async (t) => {
  const load = world.load()
  const watcher = watchDatabase(world)
  await untilNormal(load)
  let killed = 0
  for (const began = clock(); killed < KILLS && clock() - began < 60_000; await sleep(20)) {
    const { rowCount } = await pool.query(
      `select pg_terminate_backend(pid) from pg_stat_activity
       where datname = current_database() and application_name = 'fastify-user-admin' and state = 'idle' limit 1`,
    )
    killed += rowCount ?? 0
  }
  const faultEnd = clock()
  await untilNormal(load)
  await load.stop()
  const longest = backToNormalAfter(faultEnd, load)
  t.equal(killed, KILLS)
  t.ok(longest <= 2_000, `back to normal after ${longest} ms`)
  await world.keepsItsPromise(t, [load], await watcher.stop())
  tellFigure(t, {
    chapter: 'database',
    fault: `${KILLS} idle backends killed, one after the other`,
    promise: 'No process ends, no answer is a lie',
    figure: `${countAnswers([load])}; back to normal after ${seconds(longest)}`,
  })
})
