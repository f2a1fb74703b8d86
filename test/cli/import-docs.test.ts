// What docs/import-export.md shows works as it stands there; and who has a terminal sees a bar.
import { readFile } from 'node:fs/promises'
import path from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import t from 'tap'
import { duration } from '../../src/cli/duration.js'
import { launchOnTerminal, needsTerminal, run } from '../helpers/cli.js'
import { createDatabase } from '../helpers/database.js'
import { commandsOn, makeDirectory } from '../helpers/directory-files.js'
import { makeRival, USERS, usersFile } from '../helpers/long-import.js'

const guide = await readFile(new URL('../../docs/import-export.md', import.meta.url), 'utf8')
const blocks = (language: string): string[] =>
  [...guide.matchAll(new RegExp(`^\`\`\`${language}\n([^]*?)^\`\`\``, 'gm'))].map(([, text]) => text!)

t.test('the records of the guide are read, and its commands move them', async (t) => {
  const source = await makeDirectory(t)
  const target = await createDatabase(t)
  for (const { pool } of [source, target])
    await pool.query(`insert into auth_group (name) values ('editors')`)
  const record = JSON.stringify(JSON.parse(blocks('json')[0]!))
  const ndjson = await source.importFile(await source.put(record), '--passwords', 'hashes')
  t.match(ndjson, { status: 0, faults: [] })
  const csv = blocks('csv')[0]!.replace('ada', 'bob')
  t.match(await source.importFile(await source.put(csv, 'csv')), { status: 0, faults: [] })

  const commands = blocks('sh').flatMap((text) => text.trim().split('\n'))
  t.equal(commands.length, 5)
  for (const command of commands) {
    const [, url, args] = /^(DATABASE_URL=\S+ )?npm run -s cli -- (.+)$/.exec(command)!
    const file = path.join(source.place, 'users.ndjson')
    const words = args!.split(' ').map((word) => (word === 'users.ndjson' ? file : word))
    const ended = await run(words, { ...source.env, ...(url && { DATABASE_URL: target.url }) })
    t.equal(ended.status, 0, `${command}: ${ended.stderr}`)
  }
  const other = await commandsOn(t, target)
  t.same(await other.usernames(), ['ada', 'bob'])
  t.equal(await other.exported('--password-hashes'), await source.exported('--password-hashes'))
})

t.test('a bar, with the rate and the time that is left', needsTerminal, async (t) => {
  const directory = await makeDirectory(t)
  const rival = await makeRival(directory.pool)
  const file = await directory.put(usersFile)
  const { screen, ended } = launchOnTerminal(['import', file, '--passwords', 'hashes'], directory.env)
  await rival.isWaitedFor()
  // Longer than a bar stands as it is.
  await sleep(300)
  await rival.end('rollback')
  t.equal(await ended, 0)
  t.match(screen(), /importing \[#{30}\] 100 %, [\d,]+ users\/s, 0:00 left/)
  t.match(screen(), `${USERS} read, ${USERS} imported, 0 skipped, 0 failed`)
})

t.test('times as people read them', async (t) => {
  t.same([0, 6.2, 65, 750, 3723].map(duration), ['0:00', '0:07', '1:05', '12:30', '1:02:03'])
})
