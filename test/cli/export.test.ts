// What is exported can be imported: into another directory, and nothing is different there.
import { execFileSync } from 'node:child_process'
import { lstat, readdir, readFile, stat, symlink, writeFile } from 'node:fs/promises'
import path from 'node:path'
import t from 'tap'
import { formula, plain } from '../../src/cli/records/formula.js'
import { run } from '../helpers/cli.js'
import { createDatabase } from '../helpers/database.js'
import { commandsOn, HASH, makeDirectory } from '../helpers/directory-files.js'
import { startService } from '../helpers/service.js'
import fc from '../helpers/seeded-properties.js'

const GROUPS = ['plain', 'with, comma', 'with; semicolon', 'with\nline end', '"quoted" [and] {more}', "=1+1'"]

/** A directory with whatever users may be like. */
async function makeSource(t: Parameters<typeof startService>[0]) {
  const service = await startService(t)
  const { pool, makeUser, findPermission } = service
  await pool.query('insert into auth_group (name) select unnest($1::text[])', [GROUPS])
  const { rows } = await pool.query('select id from auth_group order by id')
  const groups = rows.map(({ id }) => id)
  const permissions = await Promise.all(['add_user', 'change_user'].map(findPermission))
  await makeUser({ username: 'ada', password: HASH, groups, user_permissions: permissions })
  await makeUser({ username: '@bob', first_name: '=cmd()', last_name: "'+1", password: '!' })
  await makeUser({
    username: 'çelebi.😀'.replace('.😀', ''),
    first_name: '😀 "x", y',
    last_name: 'a\r\nb\tc\\d',
  })
  await makeUser({
    username: 'old',
    date_joined: '0099-12-31T23:59:59.000001Z',
    last_login: '9999-12-31T23:59:59Z',
  })
  await makeUser({ username: 'flags', is_active: false, is_staff: true, is_superuser: true, email: '' })
  return service
}

for (const format of ['ndjson', 'csv'])
  t.test(`${format}: export, import, and export again`, async (t) => {
    const source = await commandsOn(t, (await makeSource(t)).database)
    const target = await createDatabase(t)
    await target.pool.query('insert into auth_group (name) select unnest($1::text[])', [GROUPS.toReversed()])
    const other = await commandsOn(t, target)
    const options = ['--format', format, '--password-hashes']
    const first = await source.exported(...options)
    t.equal(first.includes(HASH), true)
    const { status, summary, faults, stderr } = await other.importFile(
      await other.put(first, format),
      '--passwords',
      'hashes',
    )
    t.same(faults, [], stderr)
    t.match({ status, summary }, { status: 0, summary: { read: 5, imported: 5, failed: 0, finished: true } })
    t.equal(await other.exported(...options), first)
  })

t.test('without --password-hashes there are none, and each imported user has an unusable one', async (t) => {
  const source = await commandsOn(t, (await makeSource(t)).database)
  const target = await createDatabase(t)
  await target.pool.query('insert into auth_group (name) select unnest($1::text[])', [GROUPS])
  const other = await commandsOn(t, target)
  const text = await source.exported()
  t.notMatch(text, /password|argon2/)
  t.equal((await other.importFile(await other.put(text))).status, 0)
  const { rows } = await target.pool.query(
    'select distinct left(password, 1) as mark, length(password) from auth_user',
  )
  t.same(rows, [{ mark: '!', length: 41 }])
})

t.test('to a file, which is for its owner alone', async (t) => {
  const { env, place, put, importFile } = await makeDirectory(t)
  await importFile(await put('{"username":"ada"}\n'))
  const output = path.join(place, 'users.csv')
  const ended = await run(['export', '--output', output, '--json'], env)
  t.match(
    { ...ended, stdout: JSON.parse(ended.stdout) },
    { status: 0, stdout: { exported: 1, seconds: Number } },
  )
  t.match(
    await readFile(output, 'utf8'),
    /^username,first_name,last_name,email,is_active,[a-z_,]+\nada,,,,true,false,false,/,
  )
  t.equal((await stat(output)).mode & 0o777, 0o600)
  t.same(
    (await readdir(place)).filter((name) => name.endsWith('.part')),
    [],
  )
  t.match(await run(['export', '--output', place], env), { status: 1, stderr: /is a directory/ })
  const missing = await run(['export', '--output', path.join(place, 'missing/users.csv')], env)
  t.match(missing, { status: 1, stderr: /missing\/users\.csv can't be written/ })
})

t.test('to a pipe, a device or through a link, each of which stays what it is', async (t) => {
  const { env, place, put, importFile } = await makeDirectory(t)
  await importFile(await put('{"username":"ada"}\n'))
  const [pipe, link, target] = ['pipe', 'link', 'target'].map((name) => path.join(place, name))
  execFileSync('mkfifo', [pipe!])
  const [ended, text] = await Promise.all([run(['export', '--output', pipe!], env), readFile(pipe!, 'utf8')])
  t.equal(ended.status, 0, ended.stderr)
  t.match(text, /^\{"username":"ada",.*\}\n$/)
  t.ok((await stat(pipe!)).isFIFO())

  await writeFile(target!, 'of yesterday')
  await symlink(target!, link!)
  t.equal((await run(['export', '--output', link!], env)).status, 0)
  t.equal(await readFile(target!, 'utf8'), text)
  t.ok((await lstat(link!)).isSymbolicLink())

  const nothing = await run(['export', '--output', '/dev/null'], env)
  t.equal(nothing.status, 0, nothing.stderr)
  t.ok((await stat('/dev/null')).isCharacterDevice())
})

t.test('more than one page, in the order of the ids', async (t) => {
  const { pool, exported } = await makeDirectory(t)
  await pool.query(`insert into auth_user (id, password, is_superuser, username, first_name, last_name, email, is_staff,
      is_active, date_joined)
    select 10000 - n, '!', false, 'user' || n, '', '', '', false, true, now() from generate_series(1, 4001) n`)
  const names = (await exported())
    .split('\n')
    .filter(Boolean)
    .map((line) => JSON.parse(line).username)
  t.same(
    names,
    Array.from({ length: 4001 }, (_, index) => `user${4001 - index}`),
  )
})

t.test('no cell begins as a formula does, and each is read as it was', async (t) => {
  const texts = fc.array(fc.constantFrom("'", '=', '+', '-', '@', '\t', '＝', 'a', ' '), { maxLength: 6 })
  fc.assert(
    fc.property(texts, (characters) => {
      const text = characters.join('')
      const cell = formula(text)
      return plain(cell) === text && !/^[=+\-@\t\r\n＝＋－＠]/.test(cell)
    }),
  )
  t.equal(formula("'t Hooft"), "'t Hooft")
})
