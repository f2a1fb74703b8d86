import t from 'tap'
import { verifyPassword } from '../../src/domain/passwords/registry.js'
import { launchOnTerminal, needsTerminal } from '../helpers/cli.js'
import { until } from '../helpers/until.js'
import { createDatabase } from '../helpers/database.js'

t.test('the password is asked for twice, without echo', needsTerminal, async (t) => {
  const { url: DATABASE_URL, pool } = await createDatabase(t)
  const create = (answers: string[]) =>
    dialogue(['create-superuser', '--username', 'ada'], { DATABASE_URL }, answers)

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

/** Types each answer when its question stands on the screen. */
async function dialogue(args: string[], env: Record<string, string>, answers: string[]) {
  const { terminal, screen, ended } = launchOnTerminal(args, env)
  for (const [index, answer] of answers.entries()) {
    await until(() => screen().match(/Password[^:]*: /g)?.[index])
    terminal.stdin.write(answer)
  }
  return { status: await ended, screen: screen() }
}
