/** `--json` of the commands that work on the database: one document on standard output, and a failure on standard error. */
import t from 'tap'
import { SETTINGS } from '../../src/config.js'
import { run } from '../helpers/cli.js'
import { createDatabase } from '../helpers/database.js'

t.test('from an empty database to a key that is revoked', async (t) => {
  const { url: DATABASE_URL } = await createDatabase(t, { template: 'empty' })
  const parsed = async (args: string[], input = '') => {
    const { status, stdout, stderr } = await run([...args, '--json'], { DATABASE_URL }, input)
    t.equal(status, 0, args.join(' '))
    return { told: JSON.parse(stdout), stderr }
  }
  const migrated = await parsed(['migrate', '--list-indexes'])
  t.match(migrated.told, { applied: ['0001_django_auth'], created: Array })
  t.match(migrated.stderr, /^applied migration 0001_django_auth$/m)
  t.same((await parsed(['migrate'])).told, { applied: [] })
  const superuser = await parsed(['create-superuser', '--username', ' ada'], 's3cret')
  t.same(superuser.told, { id: 1, username: 'ada' })
  const { told: key, stderr } = await parsed(['create-key', '--username', 'ada'])
  t.match(key, { id: 1, user_id: 1, expires_at: null, key: /^uak_/ })
  t.equal(stderr, '')
  t.same((await parsed(['revoke-key', '1'])).told, { id: 1, state: 'revoked' })
  t.match((await parsed(['list-keys'])).told, [{ id: 1, username: 'ada', state: 'revoked' }])
  const { told: settings } = await parsed(['config'])
  t.same(Object.keys(settings), Object.keys(SETTINGS))

  const failed = await run(['revoke-key', '7', '--json'], { DATABASE_URL })
  t.match(failed, { status: 1, stdout: '' })
  t.match(JSON.parse(failed.stderr), { error: /^There is no key 7\./ })
})
