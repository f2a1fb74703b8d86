import pg from 'pg'
import t from 'tap'
import { withDatabase } from '../../src/cli/database.js'
import { explainDatabase } from '../../src/cli/database-failure.js'
import { explain } from '../../src/cli/failure.js'
import { readConfig, SETTINGS } from '../../src/config.js'
import { run } from '../helpers/cli.js'
import { createDatabase } from '../helpers/database.js'

t.test('config lists every setting, and hides passwords', async (t) => {
  const DATABASE_URL = 'postgresql://ada:s3cret@db.example:5433/users?sslpassword=s3cret&application_name=x'
  const { status, stdout, stderr } = await run(['config'], { DATABASE_URL, PORT: '8080', MIGRATE: 'no' })
  t.equal(status, 0)
  t.equal(stderr, '')
  t.same(stdout.match(/^[A-Z0-9_]+(?==)/gm), Object.keys(SETTINGS), 'one line a setting')
  t.match(stdout, /^PORT=8080$/m)
  t.match(stdout, /^MIGRATE=off$/m)
  t.match(stdout, /^HOST=127\.0\.0\.1$/m, 'defaults too')
  t.match(stdout, 'DATABASE_URL=postgresql://ada:********@db.example:5433/users')
  t.notMatch(stdout, 's3cret')
})

t.test('every wrong setting is named', async (t) => {
  const wrong = { PORT: '70000', MIGRATE: 'perhaps', DATABASE_URL: 'mysql://ada:s3cret@db/users' }
  const { status, stdout, stderr } = await run(['start'], wrong)
  t.match({ status, stdout }, { status: 1, stdout: '' })
  t.match(stderr, /^error: These settings can't be used:\n(?: {2}\w+.*\n){3}$/)
  for (const name of Object.keys(wrong)) t.match(stderr, new RegExp(`^  ${name}`, 'm'))
  t.notMatch(stderr, 's3cret')
})

t.test('errors of usage have the status 2', async (t) => {
  const cases = [[], ['create-key', '--username', 'ada', '--expires', 'soon']]
  for (const args of cases) {
    const { status, stdout, stderr } = await run(args, {})
    t.equal(status, 2, args.join(' '))
    t.equal(stdout, '')
    t.match(stderr, /^error: |^Usage: /)
  }
})

t.test('a database that can not be had is said in a sentence, without its password', async (t) => {
  const { url } = await createDatabase(t)
  const at = (change: (url: URL) => void) => {
    const changed = new URL(url)
    change(changed)
    return changed.href
  }
  const cases: [string, RegExp][] = [
    [
      'postgresql://ada:s3cret@127.0.0.1:1/users',
      /connect ECONNREFUSED 127\.0\.0\.1:1\. Check that PostgreSQL runs/,
    ],
    ['postgresql://ada:s3cret@localhost:1/users', /ECONNREFUSED .*Check that PostgreSQL runs/],
    [
      'postgresql://ada:s3cret@no-such-host.invalid/users',
      /no-such-host\.invalid.* Check that PostgreSQL runs/,
    ],
    ['postgresql://ada:s3cret@localhost/users?host=/no/such/folder', /ENOENT.* Check that PostgreSQL runs/],
    ['postgresql://ada:s3cret@localhost/users?sslrootcert=/no/such/file', /Check sslmode and sslrootcert/],
    [at((it) => (it.pathname = '/nothing')), /database "nothing" does not exist\. Create that database/],
    [at((it) => (it.username = 'nobody')), /role "nobody" does not exist\. Check the user and the password/],
  ]
  for (const [DATABASE_URL, expected] of cases) {
    const failure = await withDatabase(readConfig({ DATABASE_URL }), async () => {}).catch(
      (error: unknown) => error,
    )
    const said = explain(failure)
    t.match(said, expected, DATABASE_URL)
    t.match(said, /^The database postgresql:\/\/.* can't be used: .*$/, 'in one line')
    t.notMatch(said, 's3cret')
  }
  const [DATABASE_URL] = cases[0]!
  const { status, stdout, stderr } = await run(['start'], { DATABASE_URL })
  t.match({ status, stdout }, { status: 1, stdout: '' })
  t.match(stderr, /^error: The database .* Check that PostgreSQL runs .*\n$/)
  t.notMatch(stderr, 's3cret')
})

t.test('what a server refuses comes with advice', async (t) => {
  const config = readConfig({ DATABASE_URL: 'postgresql://ada:s3cret@db/users' })
  const refused = (code: string) => Object.assign(new pg.DatabaseError('refused', 7, 'error'), { code })
  const cases: [Error, RegExp][] = [
    [refused('28P01'), /: refused\. Check the user and the password/],
    [
      new Error('SASL: SCRAM-SERVER-FIRST-MESSAGE: client password must be a string'),
      /the user and the password/,
    ],
    [
      Object.assign(new Error('self-signed certificate'), { code: 'DEPTH_ZERO_SELF_SIGNED_CERT' }),
      /sslrootcert/,
    ],
    [new Error('The server does not support SSL connections'), /Check sslmode/],
    [refused('42501'), /Grant the role/],
    [refused('57P01'), /Try again\.$/],
    [new Error('timeout expired'), /Check that PostgreSQL runs/],
  ]
  for (const [error, expected] of cases) t.match(explain(explainDatabase(error, config)), expected)
  const odd = refused('XX000')
  t.equal(explainDatabase(odd, config), odd, 'what has no advice keeps its stack')
})

t.test('what nobody expected comes with its stack, and with nothing of its members', async (t) => {
  const error = Object.assign(new Error('out of the blue'), { input: 's3cret', detail: 's3cret' })
  t.match(explain(error), /^This was not expected\. Error: out of the blue\n {4}at /)
  t.notMatch(explain(error), 's3cret')
  t.match(explain('a word'), 'a word')
})

t.test('tables that are not there, or not ours', async (t) => {
  const { url: DATABASE_URL, pool } = await createDatabase(t, { template: 'empty' })
  const refused = await run(['list-keys'], { DATABASE_URL, MIGRATE: 'off' })
  t.match(refused, {
    status: 1,
    stdout: '',
    stderr: /^error: The database lacks 0001_django_auth, .*MIGRATE=on\.\n$/,
  })
  const first = await run(['migrate'], { DATABASE_URL, MIGRATE: 'off' })
  t.match(first, { status: 0, stderr: '', stdout: /^applied migration 0001_django_auth$/m })

  await pool.query('alter table auth_user rename column is_staff to is_crew')
  const { status, stdout, stderr } = await run(['start'], { DATABASE_URL })
  t.match({ status, stdout }, { status: 1, stdout: '' })
  t.match(stderr, /^error: These tables can't be served: auth_user\.is_staff is missing.*\n$/)
})

t.test('a data folder that is none', async (t) => {
  const DATA_DIR = '/dev/null'
  const { status, stdout, stderr } = await run(['list-keys'], { DATA_DIR })
  t.match({ status, stdout }, { status: 1, stdout: '' })
  t.match(stderr, /^error: .* is not a folder\. Choose another data folder, or set DATABASE_URL\.\n$/)
})
