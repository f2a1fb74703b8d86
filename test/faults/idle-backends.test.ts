/** Connections that are idle when their backend is killed. */
import { setTimeout as sleep } from 'node:timers/promises'
import t from 'tap'
import { killIdle } from './backends.js'
import { tellFigure } from './figures.js'
import { clock } from './load.js'
import { countAnswers, seconds } from './measures.js'
import { startWorld, underLoad } from './world.js'

const KILLS = 100

const world = await startWorld(t)

t.test(`${KILLS} idle backends are killed`, async (t) => {
  let killed = 0
  const { answers, normal } = await underLoad(t, world, async () => {
    for (const began = clock(); killed < KILLS && clock() - began < 60_000; await sleep(20))
      killed += await killIdle(world.pool)
  })
  t.equal(killed, KILLS, 'were killed')
  tellFigure(t, {
    chapter: 'database',
    fault: `${KILLS} idle backends killed, one after the other`,
    promise: 'No process ends, no answer is a lie, normal within 2 s',
    figure: `${countAnswers(answers)}; normal after ${seconds(normal)}`,
  })
})
