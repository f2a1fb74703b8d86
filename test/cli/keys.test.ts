import t from 'tap'
import { CommandError } from '../../src/cli/failure.js'
import { check } from '../../src/cli/create-superuser.js'
import { API_KEY } from '../../src/domain/api-key.js'
import { verifyPassword } from '../../src/domain/passwords/registry.js'
import { run } from '../helpers/cli.js'
import { until } from '../helpers/until.js'
import { startService } from '../helpers/service.js'

// One service and one database for all: what each test makes has names of its own.
const { databaseUrl, pool, request, makeUser, makeKey } = await startService(t)
const env = { DATABASE_URL: databaseUrl }
const readSelf = (id: number, key: string) => request('GET', `/admin/users/${id}/`, { key })
const KEY_LINE = /^uak_[\w-]{43}\n$/

t.test('a superuser, a key, and a request with it; then the key is revoked', async (t) => {
  const options = ['--username', ' Ａda ', '--email', ' A.B@EXAMPLE.com']
  const hashing = { PASSWORD_HASHER: 'pbkdf2_sha256', PBKDF2_ITERATIONS: '1000' }
  const made = await run(['create-superuser', ...options], { ...env, ...hashing }, ' pässword \n\n')
  t.match(made, { status: 0, stdout: /^Superuser Ada has the id \d+\.\n$/ })
  const { rows } = await pool.query(`select * from auth_user where username = 'Ada'`)
  t.match(rows, [
    { email: 'A.B@example.com', is_superuser: true, is_staff: true, is_active: true, first_name: '' },
  ])
  const { id, password } = rows[0]
  t.match(password, /^pbkdf2_sha256\$1000\$/, 'hashed as the settings say')
  t.equal(await verifyPassword(' pässword \n', password), true, 'one line end was removed, and nothing else')
  const again = await run(['create-superuser', '--username', 'Ada'], env, 'x')
  t.match(again, { status: 1, stdout: '', stderr: 'error: A user named Ada exists already.\n' })

  const { status, stdout, stderr } = await run(['create-key', '--username', 'Ada'], env)
  t.match({ status, stdout }, { status: 0, stdout: KEY_LINE }, 'the key alone')
  const key = stdout.trim()
  const [, keyId = ''] = /^Key (\d+) \(uak_.{4}…\) of Ada\.\n$/.exec(stderr) ?? []
  t.notMatch(stderr, key)
  t.equal((await readSelf(id, key)).status, 200)

  t.match(await run(['revoke-key', keyId], env), {
    status: 0,
    stdout: `Key ${keyId} is revoked.\n`,
    stderr: '',
  })
  t.equal((await readSelf(id, key)).status, 401)
  await t.resolveMatch(audited(id, Number(keyId)), [
    { action: 'user.create', target_type: 'user', credential: 'command_line', outcome: 'applied' },
    { action: 'api_key.create', target_type: 'api_key', changes: { user_id: [null, id] } },
    { action: 'api_key.revoke', target_type: 'api_key' },
  ])
  t.notMatch(JSON.stringify(await audited(id, Number(keyId))), /pbkdf2|uak_|pässword/)
})

t.test('a superuser is held to the rules of the API', async (t) => {
  const said = (fields: Parameters<typeof check>[0]): string => {
    try {
      return JSON.stringify(check(fields))
    } catch (error) {
      if (error instanceof CommandError) return error.message
      throw error
    }
  }
  t.match(
    said({ username: 'a b', email: 'nowhere' }),
    /^username: Enter a valid .*\nemail: Enter a valid .*$/,
  )
  t.match(said({ username: 'x'.repeat(151) }), /^username: .* 150 characters/)
  t.match(said({ username: ' ' }), /^username: .*blank/)
  t.match(said({ password: '' }), /^password: .*blank/)
  t.match(said({ password: '😀'.repeat(129) }), /^password: .* 128 characters/)
  t.match(said({ password: 'a\0b' }), /^password: Null characters/)
  for (const stored of ['argon2$********', '!', `!${'x'.repeat(40)}`]) {
    t.match(said({ password: stored }), /^password: This is a stored hash or its mask/, stored)
  }
  t.equal(said({ password: ' 😀'.repeat(64) }), JSON.stringify({ password: ' 😀'.repeat(64) }))

  const latin1 = await run(['create-superuser', '--username', 'latin'], env, Buffer.from([0x61, 0xff]))
  t.match(latin1, { status: 1, stdout: '', stderr: 'error: password: It is not UTF-8.\n' })
})

t.test('a key that expires', async (t) => {
  const id = await makeUser({ username: 'expiring', is_staff: true, is_superuser: true })
  const inAnHour = new Date(Date.now() + 3_600_000).toISOString()
  const { status, stdout, stderr } = await run(
    ['create-key', '--username', 'expiring', '--expires', inAnHour],
    env,
  )
  t.match({ status, stdout }, { status: 0, stdout: KEY_LINE })
  t.match(stderr, /of expiring, until 20/)
  const key = stdout.trim()
  t.equal((await readSelf(id, key)).status, 200)
  const { rows } = await pool.query(
    "update user_admin.api_key set expires_at = clock_timestamp() + interval '2 seconds' where user_id = $1 returning expires_at",
    [id],
  )
  await until(async () => (await readSelf(id, key)).status === 401)
  t.ok(Date.now() >= rows[0].expires_at.getTime() - 50, 'not before its time')
})

t.test('keys for those who can not use them', async (t) => {
  await makeUser({ username: 'former', is_active: false, is_staff: true })
  const former = await run(['create-key', '--username', 'former'], env)
  t.match(former, { status: 0, stdout: KEY_LINE, stderr: /\nWarning: former is inactive, so .*\n$/ })
  const nobody = await run(['create-key', '--username', 'no body'], env)
  t.match(nobody, { status: 1, stdout: '', stderr: 'error: There is no user "no body".\n' })
})

t.test('a name that was stored under other rules', async (t) => {
  const id = await makeUser({ username: 'ﬁn' })
  await makeUser({ username: 'fin', is_staff: true })
  const { stdout, stderr } = await run(['create-key', '--username', 'ﬁn'], env)
  t.match(stdout, KEY_LINE)
  t.match(stderr, /\nWarning: ﬁn is not staff, so .*\n$/, 'as it is stored comes first')
  const { rows } = await pool.query('select user_id::int from user_admin.api_key order by id desc limit 1')
  t.same(rows, [{ user_id: id }])
})

t.test('the list shows neither keys nor hashes', async (t) => {
  const id = await makeUser({ username: 'clerk \u001b[31m' })
  const key = await makeKey(id, { expiresAt: '2020-01-01T00:00:00Z' })
  const table = await run(['list-keys'], env)
  const json = await run(['list-keys', '--json'], env)
  const { rows } = await pool.query(`select id, encode(key_hash, 'hex') as hash from user_admin.api_key`)
  for (const { status, stdout, stderr } of [table, json]) {
    t.match({ status, stderr }, { status: 0, stderr: '' })
    t.notMatch(stdout, key)
    t.notMatch(stdout, new RegExp(API_KEY.source.slice(1, -1)))
    t.notOk(rows.some(({ hash }) => stdout.includes(hash)))
  }
  const lines = table.stdout.trimEnd().split('\n')
  t.match(lines[0], /^ID +USER +KEY +CREATED +EXPIRES +STATE$/)
  t.equal(lines.length, rows.length + 1)
  t.match(table.stdout, /^\d+ +Ada +uak_[\w-]{4}… +20\S+Z +never +revoked$/m)
  const prefix = key.slice(0, 8)
  t.match(
    table.stdout,
    new RegExp(`^\\d+ +clerk .* +${prefix}… +20\\S+Z +2020-01-01T00:00:00Z +expired$`, 'm'),
  )
  t.notMatch(table.stdout, '\u001b', 'a name can not steer the terminal')
  const listed = JSON.parse(json.stdout)
  t.equal(listed.length, rows.length)
  t.match(listed.at(-1), { username: 'clerk \u001b[31m', prefix, revoked_at: null, state: 'expired' })

  const unknown = await run(['revoke-key', '999999'], env)
  t.match(unknown, { status: 1, stdout: '', stderr: /^error: There is no key 999999\./ })
})

const audited = async (...ids: number[]) => {
  const { rows } = await pool.query(
    'select * from user_admin.audit_event where target_id = any($1) order by id',
    [ids],
  )
  return rows
}
