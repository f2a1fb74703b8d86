// Files that are broken, or meant to break something.
import { link, readFile } from 'node:fs/promises'
import t from 'tap'
import { run } from '../helpers/cli.js'
import { makeDirectory } from '../helpers/directory-files.js'

const { env, put, importFile, usernames, place, count } = await makeDirectory(t)

t.test('lines that are no JSON, each by its number', async (t) => {
  const file = await put(
    Buffer.concat([
      Buffer.from('\ufeff{"username":"ada"}\r\n \t\r\n{"username":\r\n'),
      Buffer.from('{"username":"bob","username":"eve"}\n{"username":"x\\u0000"}\n{"username":"x\0"}\n'),
      Buffer.from('{"username":"\\ud800"}\n"ada"\nnull\n'),
      Buffer.from([0x7b, 0xff, 0x7d, 0x0a]),
      Buffer.from(`${'['.repeat(40)}\n{"username":"${'x'.repeat(151)}","__proto__":{"is_superuser":true}}`),
    ]),
  )
  const { status, faults, summary } = await importFile(file)
  t.equal(status, 1)
  t.match(summary, { read: 11, imported: 0, failed: 10 })
  t.same(
    faults.map(({ line, pointer, code }) => `${line} ${pointer} ${code}`),
    [
      '3  parse_error',
      '4  parse_error',
      '5 /username invalid',
      '6  parse_error',
      '7 /username invalid',
      '8  invalid_type',
      '9  null',
      '10  parse_error',
      '11  parse_error',
      '12 /__proto__ unknown',
      '12 /username max_length',
    ],
  )
  t.equal(faults[0]!.detail, 'The line is not valid JSON.')
})

t.test('a line of ten megabytes is one wrong line', async (t) => {
  const long = JSON.stringify({ username: 'x'.repeat(10 << 20) })
  const { faults, summary } = await importFile(await put(`${long}\n{"username":"x y"}\n`))
  t.match(summary, { read: 2, failed: 2 })
  t.match(faults, [
    { line: 1, code: 'max_length' },
    { line: 2, code: 'invalid' },
  ])
})

t.test('rows of CSV, each by the line where it begins', async (t) => {
  const rows = [
    'username,first_name,is_staff,groups,date_joined',
    '"ada","two\nlines",TRUE,,',
    '',
    'bob,x',
    'eve,,maybe,readers,yesterday',
    'dan,,,"[""readers"",""no""]",',
  ]
  const { status, faults, summary } = await importFile(await put(`\ufeff${rows.join('\r\n')}`, 'csv'))
  t.match({ status, summary }, { status: 1, summary: { read: 4, failed: 3 } })
  t.same(
    faults.map(({ line, pointer, code }) => `${line} ${pointer} ${code}`),
    [
      '5  invalid',
      '6 /is_staff invalid_type',
      '6 /date_joined invalid',
      '6 /groups not_a_list',
      '7 /groups/1 does_not_exist',
    ],
  )
})

for (const [name, text, message] of [
  ['a header of another table', 'user,mail\nada,x\n', /fields of a user .* and not \\"user\\", \\"mail\\"/],
  ['a header without a username', 'email\nada@example.com\n', 'must name username'],
  ['a header that repeats a name', 'username,email,email\n', 'The header repeats email'],
  ['a quote that is not closed', 'username\nada\n"hunter2\n', 'no CSV at line 3: a quote is not closed'],
  ['a quote in the wrong place', 'username\n"hun"ter2\n', 'no CSV at line 2: a quote stands where'],
  [
    'a row of ten megabytes',
    `username\nada\n"${'x'.repeat(10 << 20)}"\n`,
    'no CSV at line 3: a row has more than',
  ],
  ['Latin-1', Buffer.from('username\nJos\xe9\n', 'latin1'), 'not UTF-8'],
] as const)
  t.test(`CSV with ${name}`, async (t) => {
    const { status, stderr, stdout } = await importFile(await put(Buffer.from(text), 'csv'), '--skip-invalid')
    t.match({ status, stderr, stdout }, { status: 1, stderr: message, stdout: '' })
    t.notMatch(stderr, /hunter2|xxx|at .*\.ts/)
  })

t.test('files with nothing in them', async (t) => {
  for (const file of [
    await put(''),
    await put('\n\r\n'),
    await put('', 'csv'),
    await put('username\n', 'csv'),
  ]) {
    const { status, summary } = await importFile(file, '--dry-run')
    t.match({ status, summary }, { status: 0, summary: { read: 0, imported: 0, failed: 0 } })
  }
  // Nor is it noted that such a one was imported: whoever was to fill it may come again.
  for (const _ of [1, 2]) {
    const ended = await run(['import', '-'], env)
    t.match(ended, { status: 0, stdout: /^0 read/, stderr: 'There are no users in this file.\n' })
  }
})

t.test('files that are not there, and options that mean nothing', async (t) => {
  t.match(await run(['import', `${place}/missing`], env), {
    status: 1,
    stderr: /missing can't be read: ENOENT/,
  })
  t.match(await run(['import', place], env), { status: 1, stderr: /is a directory/ })
  t.match(await importFile(await put('{}'), '--errors', `${place}/missing/errors`), {
    status: 1,
    stderr: /missing\/errors can't be written/,
  })
  const users = await put('{"username":"ada"}\n')
  await link(users, `${place}/same`)
  for (const same of [users, `${place}/same`])
    t.match(await run(['import', users, '--errors', same], env), {
      status: 2,
      stderr: /--errors would empty it/,
    })
  t.equal(await readFile(users, 'utf8'), '{"username":"ada"}\n')
  t.match(await run(['import'], env), { status: 2 })
  t.match(await run(['import', '-', '--format', 'xml'], env), { status: 2 })
  t.match(await run(['export', '--existing', 'skip'], env), { status: 2 })
})

t.test('nothing of all that was written', async (t) => {
  t.same([await usernames(), await count('user_admin.import')], [[], 0])
})
