/** Any sequence of requests, by callers with different rights: the service answers and stores what the rules say. */
import fc from 'fast-check'
import { isDeepStrictEqual } from 'node:util'
import t from 'tap'
import { startService } from '../helpers/service.js'
import { check } from './check.js'
import { WRITES } from './model/commands.js'
import type { Directory } from './model/directory.js'
import { LOOKS_AND_LISTS } from './model/looks.js'
import { directoryOf, makePermissions, poolOf, readStored, type Start, store } from './model/start.js'

const RUNS = 90
const MAX_COMMANDS = 40

const service = await startService(t, { PASSWORD_HASHER: 'pbkdf2_sha256', PBKDF2_ITERATIONS: '1' })
const permissions = await makePermissions(service)
const pool = poolOf(permissions)

const some = fc.subarray([...pool.keys()], { maxLength: 3 })
const starts: fc.Arbitrary<Start> = fc.record({
  // Seldom, so that there is mostly one last superuser.
  isDeputyActive: fc.constantFrom(false, false, true),
  ofGroups: fc.array(some, { minLength: 4, maxLength: 4 }),
  ofOthers: fc.array(some, { minLength: 3, maxLength: 3 }),
})
const sequences = fc.commands([...WRITES, ...LOOKS_AND_LISTS], { maxCommands: MAX_COMMANDS, size: 'max' })

t.test('no sequence of requests leads where the rules do not', async (t) => {
  let requests = 0
  const property = fc.asyncProperty(starts, sequences, async (start, commands) => {
    const directory = directoryOf(permissions, start)
    const callers = await store(service, directory)
    await fc.asyncModelRun(() => ({ model: directory, real: { service, callers, pool } }), commands)
    await holds(directory)
    requests += [...commands].length
  })
  await check(property, RUNS)
  t.comment(`${requests} commands`)
})

/** Whether the database is what the model says, whatever was answered on the way. */
async function holds({ users, groups }: Directory): Promise<void> {
  const byId = <Thing extends { id: number }>(things: Iterable<Thing>) =>
    [...things].sort((one, other) => one.id - other.id)
  const wanted = { users: byId(users.values()), groups: byId(groups.values()) }
  const found = await readStored(service.pool)
  if (!isDeepStrictEqual(found, wanted))
    throw new Error(`stored ${JSON.stringify(found)}, wanted ${JSON.stringify(wanted)}`)
}
