/** Connections that fall silent: nothing arrives any more in either direction, and nobody is told. */
import { setTimeout as sleep } from 'node:timers/promises'
import t from 'tap'
import { until } from '../helpers/until.js'
import { tellFigure } from './figures.js'
import { countAnswers, seconds, slowest } from './measures.js'
import { type Passing, type Proxy, startProxy } from './proxy.js'
import { startWorld, underLoad } from './world.js'

const TIMEOUT_MS = 2_000
/** A statement is given up after twice the time that it may take; then what became of the commit is asked. */
const SLOWEST_MS = 5 * TIMEOUT_MS
const HANGS = 20

let proxy!: Proxy
const world = await startWorld(t, {
  through: async (url) => (proxy = await startProxy(t, url)).url,
  settings: { DATABASE_TIMEOUT_MS: String(TIMEOUT_MS) },
})

/** Silences the connection of the next such statement. */
async function silence(isMeant: (passing: Passing) => boolean): Promise<void> {
  let isSilent = false
  proxy.decide = (passing) => {
    if (!isMeant(passing)) return 'pass'
    proxy.decide = () => 'pass'
    isSilent = true
    return 'swallow'
  }
  await until(() => isSilent)
}

t.test('connections fall silent at their statements', async (t) => {
  const { answers, normal } = await underLoad(t, world, async () => {
    for (let hang = 0; hang < HANGS; hang++) await silence(({ nth }) => nth === 1 + (hang % 8))
    // The network is well again when the last of them has been given up.
    await sleep(2 * TIMEOUT_MS)
  })
  t.ok(slowest(answers) < SLOWEST_MS, `the slowest answer took ${slowest(answers).toFixed()} ms`)
  const { rows } = await world.pool.query(
    `select count(*)::int as locks from pg_locks join pg_stat_activity using (pid)
     where datname = current_database() and state like 'idle in%' and locktype in ('transactionid', 'relation', 'tuple')`,
  )
  t.strictSame(rows, [{ locks: 0 }], 'no backend keeps its locks')
  tellFigure(t, {
    chapter: 'database',
    fault: `${HANGS} connections fall silent, each at a statement of a transaction; DATABASE_TIMEOUT_MS=${TIMEOUT_MS}`,
    promise: `No process ends, no answer is a lie or takes ${seconds(SLOWEST_MS)}, no backend keeps its locks, normal within 2 s`,
    figure: `${countAnswers(answers)}; the slowest took ${seconds(slowest(answers))}; normal after ${seconds(normal)}`,
  })
})

t.test('commits are done, and their confirmation never arrives', async (t) => {
  const { answers } = await underLoad(t, world, async () => {
    proxy.answered = () => sleep(60_000, undefined, { ref: false })
    for (let hang = 0; hang < HANGS; hang++) {
      let isHidden = false
      proxy.decide = ({ isCommit }) => {
        if (!isCommit) return 'pass'
        proxy.decide = () => 'pass'
        isHidden = true
        return 'hide'
      }
      await until(() => isHidden)
    }
    await sleep(2 * TIMEOUT_MS)
  })
  const lost = answers.filter(({ kind, outcome }) => kind === 'write' && outcome === 'unknown')
  t.strictSame(lost, [], 'it is always found out what became of it')
  tellFigure(t, {
    chapter: 'database',
    fault: `${HANGS} connections fall silent right after a commit was done`,
    promise: 'What became of it is found out; no answer is a lie',
    figure: `${countAnswers(answers)}; the slowest took ${seconds(slowest(answers))}`,
  })
})
