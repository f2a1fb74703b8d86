// Users from files: what is made of them, what is recorded, and what is refused.
import { readFile } from 'node:fs/promises'
import t from 'tap'
import { verifyPassword } from '../../src/domain/passwords/registry.js'
import { run } from '../helpers/cli.js'
import { HASH, makeDirectory, ndjson } from '../helpers/directory-files.js'

t.test('least that a record needs is a username', async (t) => {
  const { pool, put, importFile } = await makeDirectory(t)
  const { status, summary, stderr } = await importFile(
    await put('{"username":" Ａda "}\n\n{"username":"bob"}'),
  )
  t.equal(status, 0, stderr)
  t.match(summary, {
    dry_run: false,
    read: 2,
    imported: 2,
    skipped: 0,
    failed: 0,
    resumed_after: null,
    finished: true,
  })
  const { rows } = await pool.query('select * from auth_user order by id')
  t.match(rows, [
    {
      username: 'Ada',
      first_name: '',
      email: '',
      is_active: true,
      is_staff: false,
      last_login: null,
      password: /^!\w{40}$/,
    },
    { username: 'bob' },
  ])
})

t.test('each user has an event, as one that is made by the API', async (t) => {
  const { pool, put, importFile } = await makeDirectory(t)
  const record = {
    username: 'ada',
    password: HASH,
    email: 'Ada@EXAMPLE.com',
    groups: ['readers'],
    is_staff: true,
  }
  t.equal(
    (await importFile(await put(ndjson([record, { username: 'bob' }])), '--passwords', 'hashes')).status,
    0,
  )
  const { rows } = await pool.query('select * from user_admin.audit_event order by id')
  const event = {
    actor_id: null,
    credential: 'command_line',
    action: 'user.create',
    outcome: 'applied',
    target_type: 'user',
  }
  t.match(rows, [event, event])
  t.equal(rows[0].request_id, rows[1].request_id, 'those of an import belong together')
  t.match(rows[0].changes, {
    username: [null, 'ada'],
    password: [null, 'argon2$********'],
    email: [null, 'Ada@example.com'],
    groups: [null, [Number]],
    is_staff: [null, true],
  })
  t.notOk('is_active' in rows[0].changes, 'what is at its default is not named')
})

t.test('passwords in plain text are hashed', async (t) => {
  const { pool, put, importFile } = await makeDirectory(t)
  const records = Array.from({ length: 60 }, (_, index) => ({
    username: `user${index}`,
    password: `pässword ${index}`,
  }))
  const { status, stderr } = await importFile(await put(ndjson(records)), '--passwords', 'plain')
  t.equal(status, 0, stderr)
  const { rows } = await pool.query('select username, password from auth_user order by id')
  t.equal(rows.length, 60)
  t.match(rows[59].password, /^pbkdf2_sha256\$1000\$/)
  t.equal(await verifyPassword('pässword 59', rows[59].password), true)
})

t.test('a password is refused where nobody says what it is', async (t) => {
  const { put, importFile, usernames } = await makeDirectory(t)
  for (const file of [
    await put(ndjson([{ username: 'ada', password: 'hunter2' }])),
    await put('username,password\nada,hunter2\n', 'csv'),
  ]) {
    const { status, stderr, stdout } = await importFile(file)
    t.match(
      { status, stderr },
      { status: 1, stderr: /Line [12] has a password\. .*--passwords plain, or --passwords hashes/ },
    )
    t.notMatch(stderr + stdout, 'hunter2')
  }
  t.same(await usernames(), [])
})

t.test('what is no password of its kind is refused, and not shown', async (t) => {
  const { put, importFile, usernames } = await makeDirectory(t)
  const passwords = ['hunter2', 'argon2$********', '!', HASH, 'md5$salt$5f4dcc3b5aa765d61d8327deb882cf99', '']
  const file = await put(ndjson(passwords.map((password, index) => ({ username: `user${index}`, password }))))
  const hashes = await importFile(file, '--passwords', 'hashes')
  t.match(hashes.faults, [
    { line: 1, pointer: '/password', code: 'no_hash' },
    { line: 2, pointer: '/password', code: 'mask' },
  ])
  t.equal(hashes.faults.length, 2)
  const plain = await importFile(file, '--passwords', 'plain')
  t.match(
    plain.faults.map(({ line, code }) => [line, code]),
    [
      [2, 'mask'],
      [3, 'mask'],
      [4, 'stored_hash'],
      [5, 'stored_hash'],
      [6, 'blank'],
    ],
  )
  t.notMatch(JSON.stringify([hashes, plain]), /hunter2|c29tZXNhbHR|5f4dcc3b/)
  t.same(await usernames(), [])
})

t.test('the whole file is looked at before anything is written', async (t) => {
  const { pool, put, importFile, usernames, count } = await makeDirectory(t)
  await pool.query(`insert into auth_user (password, is_superuser, username, first_name, last_name, email, is_staff, is_active,
    date_joined) values ('!', false, 'taken', '', '', '', false, true, now())`)
  const file = await put(
    ndjson([
      { username: 'ada' },
      { username: 'ＡＤＡ', groups: ['readers', 'nobody', 7] },
      { username: 'Ada' },
      { username: ' Ａda' },
      { username: 'taken' },
      { username: 'x y', first_name: 'x'.repeat(31), is_staff: 'yes', date_joined: '2024-02-30', id: 7 },
      { email: 'ada', user_permissions: ['auth.add_user', 'auth.fly_user', 'auth.add_user'] },
      [],
      { username: 'bob' },
    ]),
  )
  const dry = await importFile(file, '--dry-run')
  t.match(dry, {
    status: 1,
    summary: { dry_run: true, read: 9, imported: 3, skipped: 0, failed: 6, finished: false },
  })
  t.same(
    dry.faults.map(({ line, pointer, code }) => `${line} ${pointer} ${code}`).sort(),
    [
      '2 /groups/1 does_not_exist',
      '2 /groups/2 invalid_type',
      '4 /username duplicate',
      '5 /username unique',
      '6 /date_joined invalid',
      '6 /first_name max_length',
      '6 /id unknown',
      '6 /is_staff invalid_type',
      '6 /username invalid',
      '7 /email invalid',
      '7 /user_permissions duplicate',
      '7 /user_permissions/1 does_not_exist',
      '7 /username required',
      '8  invalid_type',
    ].sort(),
  )
  t.match(
    dry.faults.find(({ line }) => line === 4),
    { detail: 'Line 3 has the same username.' },
  )
  const refused = await importFile(file)
  t.match(refused, {
    status: 1,
    stderr: /Nothing was imported/,
    summary: { imported: 0, failed: 6, finished: false },
  })
  t.same(
    [await usernames(), await count('user_admin.audit_event'), await count('user_admin.import')],
    [['taken'], 0, 0],
  )

  const skipping = await importFile(file, '--skip-invalid')
  t.match(skipping, { status: 1, summary: { read: 9, imported: 3, failed: 6, finished: true } })
  t.same(await usernames(), ['taken', 'ada', 'Ada', 'bob'])
  t.same(skipping.faults, dry.faults)
})

t.test('users who are there already can be skipped', async (t) => {
  const { put, importFile, usernames } = await makeDirectory(t)
  await importFile(await put(ndjson([{ username: 'ada', email: 'ada@example.com' }])))
  const { status, summary } = await importFile(
    await put(ndjson([{ username: 'ada' }, { username: 'bob' }])),
    '--existing',
    'skip',
  )
  t.match({ status, summary }, { status: 0, summary: { read: 2, imported: 1, skipped: 1, failed: 0 } })
  t.same(await usernames(), ['ada', 'bob'])
})

t.test('what was imported is not imported again', async (t) => {
  const { env, put, importFile, usernames, pool } = await makeDirectory(t)
  const file = await put(ndjson([{ username: 'ada' }]))
  await importFile(file)
  const faults = await put('of yesterday')
  t.match(await run(['import', file, '--errors', faults], env), { status: 0 })
  t.equal(await readFile(faults, 'utf8'), 'of yesterday')
  const again = await importFile(file)
  t.match(again, {
    status: 0,
    stderr: /was imported before, at .*--restart/,
    summary: { imported: 1, finished: true },
  })
  t.match(await importFile(file, '--restart'), { status: 1, faults: [{ line: 1, code: 'unique' }] })
  await pool.query('delete from auth_user')
  t.match(await importFile(file, '--restart'), { status: 0, summary: { imported: 1 } })
  t.same(await usernames(), ['ada'])
})

t.test('standard input, and what is said to people', async (t) => {
  const { env, usernames } = await makeDirectory(t)
  const wrong = Array.from({ length: 25 }, () => ({ username: 'x y' }))
  const refused = await run(['import', '-'], env, ndjson(wrong))
  t.match(refused, { status: 1, stdout: /^25 read, 0 imported, 0 skipped, 25 failed, in \d+\.\d s\.\n$/ })
  t.match(
    refused.stderr,
    'line 20: /username: Enter a valid username. This value may contain only letters, digits and the characters @ . + - _\nand 5 more: --errors FILE keeps them all\n',
  )
  const csv = await run(['import', '-', '--format', 'csv'], env, 'username\nada\n')
  t.match(csv, { status: 0, stdout: /^1 read, 1 imported/, stderr: '' })
  t.same(await usernames(), ['ada'])
})
