/** The backend of a PATCH is killed at each of its statements, before it gets there and after it was done, and during the commit. */
import t, { type Test } from 'tap'
import { until } from '../helpers/until.js'
import { killAt } from './backends.js'
import { tellFigure } from './figures.js'
import { countAnswers, seconds } from './measures.js'
import { type Fate, type Proxy, startProxy } from './proxy.js'
import { startWorld, underLoad } from './world.js'

const ROUNDS = 4

let proxy!: Proxy
const world = await startWorld(t, {
  through: async (url) => (proxy = await startProxy(t, url)).url,
})
const between = { pool: world.pool, proxy }

/** How many statements a PATCH has, the commit included. */
async function countStatements(): Promise<number> {
  let count = 0
  let counted = 0
  proxy.decide = ({ nth, isCommit }) => {
    if (isCommit) counted = Math.max(counted, nth)
    count++
    return 'pass'
  }
  await until(() => count > 100)
  proxy.decide = () => 'pass'
  return counted
}

async function killAtEach(t: Test, fate: Fate) {
  let statements = 0
  const loaded = await underLoad(t, world, async () => {
    statements = await countStatements()
    for (let round = 0; round < ROUNDS; round++)
      for (let nth = 1; nth <= statements; nth++)
        await killAt(between, (passing) => passing.nth === nth, fate)
  })
  const unknown = loaded.answers.filter(({ outcome }) => outcome === 'unknown')
  t.strictSame(unknown, [], 'it is always found out what was written')
  return { ...loaded, statements }
}

t.test('before a statement gets there', async (t) => {
  const { answers, normal, statements } = await killAtEach(t, 'hold')
  t.ok(statements >= 6, `a PATCH has ${statements} statements`)
  tellFigure(t, {
    chapter: 'database',
    fault: `The backend killed before each of the ${statements} statements of a PATCH, \`begin\` and \`commit\` included; ${ROUNDS} times each`,
    promise:
      'No process ends, no answer is a lie, none says that the outcome is not known, normal within 2 s',
    figure: `${countAnswers(answers)}; normal after ${seconds(normal)}`,
  })
})

t.test('after it was done, and before that is told', async (t) => {
  const { answers, normal, statements } = await killAtEach(t, 'hide')
  tellFigure(t, {
    chapter: 'database',
    fault: `The backend killed after each of the ${statements} statements, whose answer does not arrive; ${ROUNDS} times each`,
    promise:
      'No process ends, no answer is a lie, none says that the outcome is not known, normal within 2 s',
    figure: `${countAnswers(answers)}; normal after ${seconds(normal)}`,
  })
})

t.test('a commit that was done, and that nobody has confirmed', async (t) => {
  const { answers } = await underLoad(t, world, async () => {
    for (let round = 0; round < 5 * ROUNDS; round++) await killAt(between, ({ isCommit }) => isCommit, 'hide')
  })
  t.strictSame(
    answers.filter(({ outcome }) => outcome !== 'done'),
    [],
    'it is found out that it took effect: all are 200',
  )
  tellFigure(t, {
    chapter: 'database',
    fault: `The backend killed right after a commit, whose confirmation does not arrive; ${5 * ROUNDS} times`,
    promise: 'What became of it is found out: every answer is 200',
    figure: countAnswers(answers),
  })
})

t.test('in the middle of a commit', async (t) => {
  const KILLS = 10
  let killed = 0
  const { answers, normal } = await underLoad(t, world, async () => {
    // Of every tenth write, by the last digit of its name.
    await world.pool.query(`
    create function slow_commit() returns trigger language plpgsql as $$ begin perform pg_sleep(0.2); return null; end $$;
    create constraint trigger slow_commit after insert on user_admin.audit_event deferrable initially deferred
      for each row when (new.changes::text like '%1"%') execute function slow_commit();`)
    while (killed < KILLS) killed += await until(killCommitting)
    await world.pool.query('drop trigger slow_commit on user_admin.audit_event')
  })
  t.ok(answers.some(({ status }) => status === 503))
  tellFigure(t, {
    chapter: 'database',
    fault: `The backend killed in the middle of a commit; ${killed} times`,
    promise: 'No process ends, no answer is a lie, normal within 2 s',
    figure: `${countAnswers(answers)}; normal after ${seconds(normal)}`,
  })
})

/** @returns how many were killed that were at their commit */
async function killCommitting(): Promise<number> {
  const { rowCount } = await world.pool.query(
    `select pg_terminate_backend(pid) from pg_stat_activity
     where application_name = 'fastify-user-admin' and query = 'commit' and wait_event = 'PgSleep'
       and datname = current_database()`,
  )
  return rowCount ?? 0
}
