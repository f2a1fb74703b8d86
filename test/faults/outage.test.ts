/** PostgreSQL ends under load, in every way it can, and comes back. */
import { setTimeout as sleep } from 'node:timers/promises'
import t from 'tap'
import { crash } from './backends.js'
import { tellFigure } from './figures.js'
import { countAnswers, seconds, slowest } from './measures.js'
import { startOwnPostgres } from './postgres.js'
import { startWorld, underLoad } from './world.js'

const OUTAGE_MS = 30_000
const CRASHES = 10

const postgres = await startOwnPostgres(t)
const world = await startWorld(t, { databaseUrl: postgres.url })

t.test('it is stopped for 30 seconds', async (t) => {
  const statusOf = async (path: string) => (await world.request('GET', path)).status
  const { answers, normal } = await underLoad(t, world, async () => {
    await postgres.end('SIGQUIT')
    await sleep(OUTAGE_MS / 2)
    t.equal(await statusOf('/healthz'), 200, 'alive')
    t.equal(await statusOf('/readyz'), 503, 'and not ready')
    await sleep(OUTAGE_MS / 2)
    await postgres.start()
  })
  t.equal(await statusOf('/readyz'), 200, 'ready again')
  // Nobody waits for what isn't there, but those whose commit nobody confirmed.
  t.ok(slowest(answers) < 20_000, `the slowest answer took ${slowest(answers).toFixed()} ms`)
  tellFigure(t, {
    chapter: 'database',
    fault: 'PostgreSQL stopped (immediate mode) for 30 s, and started again',
    promise:
      'No process ends, `/healthz` is 200 and `/readyz` 503 meanwhile, no answer is a lie, normal within 2 s',
    figure: `${countAnswers(answers)}; none took longer than ${seconds(slowest(answers))}; normal after ${seconds(normal)}`,
  })
})

t.test('its main process is killed', async (t) => {
  const { answers, normal } = await underLoad(t, world, async () => {
    await postgres.end('SIGKILL')
    await postgres.start()
  })
  tellFigure(t, {
    chapter: 'database',
    fault: 'The main process of PostgreSQL killed (SIGKILL), and started again at once',
    promise: 'No process ends, no answer is a lie, normal within 2 s',
    figure: `${countAnswers(answers)}; normal after ${seconds(normal)}`,
  })
})

t.test('it crashes again and again, and recovers by itself', async (t) => {
  const { answers, normal } = await underLoad(t, world, async () => {
    for (let count = 0; count < CRASHES; count++) {
      await crash(world.pool)
      await sleep(300 * Math.random())
    }
  })
  tellFigure(t, {
    chapter: 'database',
    fault: `A backend killed (SIGKILL): PostgreSQL ends all others and recovers from its log; ${CRASHES} times`,
    promise: 'No process ends, no answer is a lie, normal within 2 s',
    figure: `${countAnswers(answers)}; normal after ${seconds(normal)}`,
  })
})
