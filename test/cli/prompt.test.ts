import { spawn, spawnSync } from 'node:child_process'
import { once } from 'node:events'
import t from 'tap'
import { verifyPassword } from '../../src/domain/passwords/registry.js'
import { quote } from '../../src/cli/names.js'
import { PROGRAM, until } from '../helpers/cli.js'
import { createDatabase } from '../helpers/database.js'

const hasScript = spawnSync('script', ['--version']).stdout?.includes('util-linux') ?? false
const needsScript = { skip: !hasScript && 'needs a pseudo terminal (script of util-linux)' }

t.test('the password is asked for twice, without echo', needsScript, async (t) => {
  const { url: DATABASE_URL, pool } = await createDatabase(t)
  const create = (answers: string[]) =>
    dialogue(`${PROGRAM.map(quote).join(' ')} create-superuser --username ada`, { DATABASE_URL }, answers)

  const differing = await create(['s3cret-a\r', 's3cret-b\r'])
  t.match(differing, { status: 1, screen: 'error: The two passwords differ. Nothing was done.' })
  t.notMatch(differing.screen, 's3cret')

  const given = await create(['s3cret é\r', 's3cret é\r'])
  t.match(given, {
    status: 0,
    screen: /Password: .*\n.*Password \(again\): .*\n.*Superuser ada has the id 1\./,
  })
  t.notMatch(given.screen, 's3cret')
  const { rows } = await pool.query('select password from auth_user')
  t.equal(await verifyPassword('s3cret é', rows[0].password), true)

  const [CTRL_C, CTRL_D] = ['\u0003', '\u0004']
  for (const answer of [CTRL_C, CTRL_D]) {
    const given = await create([answer])
    t.match(given, { status: 1, screen: /Password: .*\n.*error: No password was given\. Nothing was done\./ })
  }
})

/** Types each answer when the next question stands on the screen of a terminal. */
async function dialogue(command: string, env: Record<string, string>, answers: string[]) {
  const child = spawn('script', ['-qec', command, '/dev/null'], {
    env: { PATH: process.env.PATH ?? '', TERM: 'xterm', SHELL: '/bin/sh', ...env },
  })
  const ended = once(child, 'close')
  let screen = ''
  child.stdout.on('data', (chunk: Buffer) => (screen += chunk.toString()))
  for (const [index, answer] of answers.entries()) {
    await until(() => screen.match(/Password[^:]*: /g)?.[index])
    child.stdin.write(answer)
  }
  const [status] = await ended
  return { status, screen: screen.replaceAll('\r', '') }
}
