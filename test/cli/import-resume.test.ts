// An import that was ended goes on where it was, and loses a race by one line.
import t, { type Test } from 'tap'
import { launch } from '../helpers/cli.js'
import { makeDirectory, ndjson } from '../helpers/directory-files.js'
import { addUser, IN_THE_LAST, IN_THE_SECOND, makeRival, USERS, usersFile } from '../helpers/long-import.js'

const begin = async (t: Test, { options = [] as string[], heldUpAt = IN_THE_LAST, taken = '' } = {}) => {
  const directory = await makeDirectory(t)
  if (taken !== '') await addUser(directory.pool, taken)
  const rival = await makeRival(directory.pool, heldUpAt)
  const name = await directory.put(usersFile)
  const { child, output, ended } = launch(
    ['import', name, '--passwords', 'hashes', '--json', ...options],
    directory.env,
  )
  await rival.isWaitedFor()
  return { ...directory, rival, name, child, output, ended }
}

type Begun = Awaited<ReturnType<typeof begin>>

/** Everything is there once, as if nothing had happened. */
async function holds(t: Test, { exported, count, pool }: Begun) {
  const records = (await exported('--password-hashes'))
    .split('\n')
    .filter(Boolean)
    .map((line) => JSON.parse(line))
  t.same(
    records.map(({ username, password, groups, date_joined }) => ({
      username,
      password,
      groups,
      date_joined,
    })),
    usersFile
      .split('\n')
      .filter(Boolean)
      .map((line) => JSON.parse(line)),
  )
  t.equal(await count('user_admin.audit_event'), USERS)
  const { rows } = await pool.query(
    `select count(distinct request_id)::int as requests, count(distinct target_id)::int as users from user_admin.audit_event`,
  )
  t.same(rows, [{ requests: 1, users: USERS }])
}

t.test('after kill -9 it goes on behind what it has written', async (t) => {
  const begun = await begin(t)
  begun.child.kill('SIGKILL')
  await begun.ended
  await begun.rival.end('rollback')
  const written = await begun.count('auth_user')
  t.ok([2_000, 3_000].includes(written), `${written}: whole transactions`)
  const { status, summary, stderr } = await begun.importFile(begun.name, '--passwords', 'hashes')
  t.match(
    { status, summary },
    { status: 0, summary: { read: USERS, imported: USERS, failed: 0, resumed_after: written } },
    stderr,
  )
  await holds(t, begun)
})

t.test('after a signal too, and it says so', async (t) => {
  const begun = await begin(t)
  begun.child.kill('SIGINT')
  await begun.rival.end('rollback')
  await begun.ended
  t.equal(begun.child.signalCode, 'SIGINT')
  t.match(begun.output.stderr, /Ended after \d+ of 3300 users\. The same command goes on from here\./)
  t.match(JSON.parse(begun.output.stdout), { finished: false })
  const { status } = await begun.importFile(begun.name, '--passwords', 'hashes')
  t.equal(status, 0)
  await holds(t, begun)
})

t.test('whose username is taken meanwhile is one wrong line', async (t) => {
  const begun = await begin(t)
  await begun.rival.end('commit')
  t.equal(await begun.ended, 1)
  t.match(JSON.parse(begun.output.stdout), { imported: USERS - 1, failed: 1, finished: true })
  t.match(begun.output.stderr, 'line 3101: /username: A user with that username already exists.')
  const { rows } = await begun.pool.query('select first_name from auth_user where username = $1', [
    IN_THE_LAST,
  ])
  t.same(rows, [{ first_name: 'Rival' }])
  t.equal(await begun.count('auth_user'), USERS)
})

t.test('so are two users of different transactions that a project takes for the same', async (t) => {
  const { pool, put, importFile, count } = await makeDirectory(t)
  await pool.query('create unique index on auth_user (lower(username))')
  const users = Array.from({ length: 3_500 }, (_, index) => ({ username: `user${index}` }))
  const twins = [1_001, 1_999, 2_000, 3_400]
  for (const index of twins) users[index] = { username: `USER${index - 1_000}` }
  const { status, summary, faults } = await importFile(await put(ndjson(users)))
  const imported = users.length - twins.length
  t.match({ status, summary }, { status: 1, summary: { imported, failed: twins.length, finished: true } })
  t.equal(await count('auth_user'), imported)
  t.equal(await count('user_admin.audit_event'), imported)
  t.same(
    faults.map(({ line, pointer, code }) => `${line} ${pointer} ${code}`),
    twins.map((index) => `${index + 1} /username unique`),
    'the later ones',
  )
})

t.test('whose username is taken meanwhile is passed over, where that is asked for', async (t) => {
  const { rival, ended, output, count } = await begin(t, { options: ['--existing', 'skip'] })
  await rival.end('commit')
  t.equal(await ended, 0, output.stderr)
  t.match(JSON.parse(output.stdout), { imported: USERS - 1, skipped: 1, failed: 0, finished: true })
  t.equal(await count('auth_user'), USERS)
})

t.test('whether a username is taken is what holds as its user is made', async (t) => {
  const [gone, come] = ['user3200', 'user3201']
  const begun = await begin(t, { options: ['--existing', 'skip'], heldUpAt: IN_THE_SECOND, taken: gone })
  const { pool } = begun
  await pool.query('delete from auth_user where username = $1', [gone])
  await addUser(pool, come)
  await begun.rival.end('rollback')
  t.equal(await begun.ended, 0, begun.output.stderr)
  t.match(JSON.parse(begun.output.stdout), { imported: USERS - 1, skipped: 1, failed: 0, finished: true })
  const { rows } = await pool.query(
    'select username, first_name from auth_user where username = any($1) order by 1',
    [[gone, come]],
  )
  t.same(rows, [
    { username: gone, first_name: '' },
    { username: come, first_name: 'Rival' },
  ])
})

t.test('two imports of one file: nobody is made twice, and nobody left out', async (t) => {
  const { put, importFile, count } = await makeDirectory(t)
  const file = await put(usersFile)
  const ended = await Promise.all([1, 2].map(() => importFile(file, '--passwords', 'hashes')))
  t.ok(
    ended.some(({ status }) => status === 0),
    ended.map(({ stderr }) => stderr).join('\n'),
  )
  for (const { status, stderr } of ended)
    if (status !== 0) t.match(stderr, /has gone on meanwhile|Nothing (more )?was imported/)
  t.equal(await count('auth_user'), USERS)
  t.equal(await count('user_admin.audit_event'), USERS)
})

t.test('what a project has made unique is found out, line by line', async (t) => {
  const { pool, put, importFile, usernames } = await makeDirectory(t)
  await pool.query('create unique index on auth_user (email)')
  const emails = ['a@example.com', 'b@example.com', 'a@example.com', 'c@example.com', 'b@example.com']
  const { status, summary, faults } = await importFile(
    await put(ndjson(emails.map((email, index) => ({ username: `user${index}`, email })))),
  )
  t.match({ status, summary }, { status: 1, summary: { imported: 3, failed: 2, finished: true } })
  t.match(faults, [
    { line: 3, pointer: '/email', code: 'unique' },
    { line: 5, pointer: '/email', code: 'unique' },
  ])
  t.same(await usernames(), ['user0', 'user1', 'user3'])
})
