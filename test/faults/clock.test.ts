/** The machine's clock jumps under load, as when a virtual machine wakes up or somebody sets it: by hours, forwards and backwards. */
import { setTimeout as sleep } from 'node:timers/promises'
import t from 'tap'
import { tellFigure } from './figures.js'
import { clock } from './load.js'
import { countAnswers, seconds, slowest } from './measures.js'
import { startWorld, underLoad } from './world.js'

const JUMPS = 30
/** Each jump finds a request that waits for events that long. */
const WAIT_S = 1
const PATIENCE_MS = 20_000

const world = await startWorld(t, {
  modules: ['tsx', './jumping-clock.ts'].map((name) => import.meta.resolve(name)),
  // Never reached: counting must go on.
  settings: { RATE_LIMIT_PER_ADDRESS: '1000000', RATE_LIMIT_PER_CALLER: '1000000' },
})

/** Milliseconds that a request waits for events which do not come; infinite where it is not answered. */
async function waitForEvents(): Promise<number> {
  const began = clock()
  const path = `/admin/events/?after=0&target_type=group&target=${world.groups[0]}&wait=${WAIT_S}`
  const answer = world.request('GET', path, { key: world.key })
  const found = await Promise.race([answer, sleep(PATIENCE_MS, undefined, { ref: false })])
  return found?.status === 200 ? clock() - began : Infinity
}

t.test(`the clock jumps ${JUMPS} times`, async (t) => {
  const waits: Promise<number>[] = []
  const { answers, normal } = await underLoad(t, world, async () => {
    for (let jump = 0; jump < JUMPS; jump++) {
      waits.push(waitForEvents())
      await sleep(100)
      world.services[0]!.kill('SIGWINCH')
      await sleep(100)
    }
  })
  t.ok(
    answers.every(({ status }) => status === 200),
    'every answer is 200',
  )
  const longest = Math.max(...(await Promise.all(waits)))
  t.ok(longest < PATIENCE_MS, `whoever waits for events does so for ${Math.round(longest)} ms at most`)
  tellFigure(t, {
    chapter: 'machine',
    fault: `The service's clock jumps by 6 hours forwards, 12 backwards, and back; ${JUMPS} jumps`,
    promise: 'No process ends, every answer is 200 and none a lie; nobody waits longer than asked for',
    figure:
      `${countAnswers(answers)}; none took longer than ${seconds(slowest(answers))}; normal after ${seconds(normal)}; ` +
      `who waits ${WAIT_S} s for events waited ${seconds(longest)} at most`,
  })
})
