// Who has a terminal sees a bar.
import { setTimeout as sleep } from 'node:timers/promises'
import t from 'tap'
import { duration } from '../../src/cli/duration.js'
import { launchOnTerminal, needsTerminal } from '../helpers/cli.js'
import { makeDirectory } from '../helpers/directory-files.js'
import { makeRival, USERS, usersFile, WRITTEN_BEFORE } from '../helpers/long-import.js'
import { until } from '../helpers/until.js'

t.test('a bar, with the rate and the time that is left', needsTerminal, async (t) => {
  const directory = await makeDirectory(t)
  const rival = await makeRival(directory.pool)
  const file = await directory.put(usersFile)
  const { screen, ended } = launchOnTerminal(['import', file, '--passwords', 'hashes'], directory.env)
  await until(async () => (await directory.count('auth_user')) === WRITTEN_BEFORE)
  await rival.isWaitedFor()
  // Longer than a bar stands as it is.
  await sleep(1_000)
  await rival.end('rollback')
  t.equal(await ended, 0)
  t.match(screen(), /importing \[#{30}\] 100 %, [\d,]+ users\/s, 0:00 left/)
  t.match(screen(), `${USERS} read, ${USERS} imported, 0 skipped, 0 failed`)
})

t.test('times as people read them', async (t) => {
  t.same([0, 6.2, 65, 750, 3723].map(duration), ['0:00', '0:07', '1:05', '12:30', '1:02:03'])
})
