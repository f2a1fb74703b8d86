// What others may do while an import runs.
import { setTimeout as sleep } from 'node:timers/promises'
import t from 'tap'
import { launch } from '../helpers/cli.js'
import { until } from '../helpers/until.js'
import { makeDirectory, ndjson } from '../helpers/directory-files.js'
import { makeRival } from '../helpers/long-import.js'

const USERS = 20_000

t.test('a group that the file names can be changed all the time', async (t) => {
  const { pool, put, env, count } = await makeDirectory(t)
  const users = Array.from({ length: USERS }, (_, index) => ({
    username: `user${index}`,
    groups: ['readers'],
  }))
  const { output, ended } = launch(['import', await put(ndjson(users)), '--json'], env)
  let isOver = false
  void ended.then(() => (isOver = true))
  await until(async () => (await count('auth_user')) > 0)
  let changes = 0
  for (const client = await pool.connect(); ; await sleep(20)) {
    if (isOver) {
      client.release()
      break
    }
    await client.query(`begin; set local lock_timeout = '30s'`)
    await t.resolves(client.query(`select from auth_group where name = 'readers' for update`))
    await client.query('commit')
    changes++
  }
  t.ok(changes > 3, `${changes} times meanwhile`)
  t.equal(await ended, 0, output.stderr)
  t.match(JSON.parse(output.stdout), { imported: USERS, failed: 0, finished: true })
})

t.test('who is in a group that is deleted meanwhile is refused by his line', async (t) => {
  const { pool, put, env } = await makeDirectory(t)
  const users = Array.from({ length: USERS }, (_, index) => ({
    username: `user${index}`,
    groups: index === USERS - 1 ? ['readers'] : [],
  }))
  const rival = await makeRival(pool, `user${USERS / 2}`)
  const { output, ended } = launch(['import', await put(ndjson(users)), '--json'], env)
  await rival.isWaitedFor()
  await pool.query(`delete from auth_group where name = 'readers'`)
  await rival.end('rollback')
  t.equal(await ended, 1)
  t.match(JSON.parse(output.stdout), { imported: USERS - 1, failed: 1, finished: true })
  t.match(output.stderr, `line ${USERS}: /groups/0: `)
})
