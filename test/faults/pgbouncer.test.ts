/** The service through PgBouncer in transaction mode, where no two transactions need share a session. */
import { setTimeout as sleep } from 'node:timers/promises'
import t from 'tap'
import { checkContract } from '../../src/contract/suite.js'
import { openWorld } from '../../src/contract/world.js'
import { run } from '../helpers/cli.js'
import { commandsOn, ndjson } from '../helpers/directory-files.js'
import { createDatabase } from '../helpers/database.js'
import { startService } from '../helpers/service.js'
import { tellFigure } from './figures.js'
import { countAnswers, number, seconds } from './measures.js'
import { pgBouncerVersion, type PgBouncer, startPgBouncer } from './pgbouncer.js'
import { startWorld, underLoad } from './world.js'

/** Far fewer than the service's ten. */
const CONNECTIONS = 3
const LOAD_MS = 5_000
const settings = { PG_PREPARED: 'off' }
const version = pgBouncerVersion()

t.test('the black-box suite', async (t) => {
  const database = await createDatabase(t)
  const { url } = await startPgBouncer(t, database.url, CONNECTIONS)
  const limits = { RATE_LIMIT_PER_CALLER: '1000000', RATE_LIMIT_SHARED: 'on' }
  const service = await startService(t, { ...settings, ...limits }, { ...database, url })
  const groups = [await service.makeGroup([1]), await service.makeGroup()]
  const { id: userId, key } = await service.makeCaller({ groups, user_permissions: [2] })
  const spareUserId = await service.makeUser()
  await checkContract(t, await openWorld({ url: service.url, key, userId, spareUserId }))
  if (t.passing())
    tellFigure(t, {
      chapter: 'failover',
      fault: `PgBouncer ${version} in front, in transaction mode, with ${CONNECTIONS} connections for the service's ten`,
      promise: 'The whole black-box suite passes',
      figure: `${number(t.counts.pass)} assertions passed`,
    })
})

t.test('load through it, and its end', async (t) => {
  let bouncer: PgBouncer | undefined
  const world = await startWorld(t, {
    services: 2,
    settings,
    through: async (url) => (bouncer = await startPgBouncer(t, url, CONNECTIONS)).url,
  })
  const { answers: calm } = await underLoad(t, world, () => sleep(LOAD_MS))
  t.ok(
    calm.every(({ outcome }) => outcome === 'done'),
    'nothing fails that way',
  )
  const { answers, normal } = await underLoad(t, world, async () => {
    await bouncer!.end()
    await sleep(500)
    await bouncer!.start()
  })
  tellFigure(t, {
    chapter: 'failover',
    fault: 'Two services behind that PgBouncer under load; it is killed, and started again after 0.5 s',
    promise: 'No process ends, no answer is a lie, normal within 2 s; none but 200 before it is killed',
    figure: `before: ${countAnswers(calm)}; then ${countAnswers(answers)}; normal after ${seconds(normal)}`,
  })
})

t.test('commands, and the first start', async (t) => {
  const database = await createDatabase(t, { template: 'empty' })
  const env = { ...settings, DATABASE_URL: (await startPgBouncer(t, database.url, 1)).url }
  t.match(await run(['migrate'], env), { status: 0, stdout: /applied migration/ })
  t.match(await run(['migrate'], env), { status: 0 }, 'again')
  t.match(await run(['list-keys'], env), { status: 0 })
  t.match(
    await run(['migrate', '--list-indexes'], env),
    { status: 1, stderr: /a session of its own/ },
    'what would leave its lock behind',
  )
})

t.test('an import, of which a transaction is refused', async (t) => {
  const database = await createDatabase(t)
  await database.pool.query('create unique index on auth_user (email)')
  const bouncer = await startPgBouncer(t, database.url, CONNECTIONS)
  const { put, importFile, count } = await commandsOn(t, { ...database, url: bouncer.url })
  const users = Array.from({ length: 3_000 }, (_, index) => ({
    username: `user${index}`,
    email: `${index === 1_500 ? 0 : index}@example.org`,
  }))
  const { summary, faults } = await importFile(await put(ndjson(users)))
  t.match(summary, { imported: 2_999, failed: 1, finished: true })
  t.match(faults, [{ line: 1_501, pointer: '/email' }])
  t.equal(await count('auth_user'), 2_999)
})
