/** Connections that are idle when their backend is killed. */
import { setTimeout as sleep } from 'node:timers/promises'
import t from 'tap'
import { tellFigure } from './figures.js'
import { clock } from './load.js'
import { countAnswers, seconds } from './measures.js'
import { startWorld, underLoad } from './world.js'

const KILLS = 100

const world = await startWorld(t)

t.test(`${KILLS} idle backends are killed`, async (t) => {
  let killed = 0
  const { answers, normal } = await underLoad(t, world, async () => {
    for (const began = clock(); killed < KILLS && clock() - began < 60_000; await sleep(20)) {
      const { rowCount } = await world.pool.query(
        `select pg_terminate_backend(pid) from pg_stat_activity
         where datname = current_database() and application_name = 'fastify-user-admin' and state = 'idle' limit 1`,
      )
      killed += rowCount ?? 0
    }
  })
  t.equal(killed, KILLS, 'were killed')
  tellFigure(t, {
    chapter: 'database',
    fault: `${KILLS} idle backends killed, one after the other`,
    promise: 'No process ends, no answer is a lie, normal within 2 s',
    figure: `${countAnswers(answers)}; normal after ${seconds(normal)}`,
  })
})
