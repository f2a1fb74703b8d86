// An import that was ended goes on where it was, and loses a race by one line.
import t, { type Test } from 'tap'
import { launch, until } from '../helpers/cli.js'
import { HASH, makeDirectory, ndjson } from '../helpers/directory-files.js'

/** More than two transactions. */
const USERS = 11_000
const IN_THE_THIRD = 'user10500'

const file = ndjson(
  Array.from({ length: USERS }, (_, index) => ({
    username: `user${index}`,
    password: HASH,
    groups: index % 2 === 0 ? ['readers'] : [],
    date_joined: '2024-01-15T09:00:00.123456Z',
  })),
)

/** Somebody makes a user with a name of the third transaction, which waits for the end of that. */
async function makeRival(directory: Awaited<ReturnType<typeof makeDirectory>>) {
  const client = await directory.pool.connect()
  await client.query('begin')
  await client.query(
    `insert into auth_user (password, is_superuser, username, first_name, last_name, email, is_staff, is_active, date_joined)
     values ('!', false, $1, 'Rival', '', '', false, true, now())`,
    [IN_THE_THIRD],
  )
  return {
    end: async (how: 'commit' | 'rollback') => {
      await client.query(how)
      client.release()
    },
    isWaitedFor: () =>
      until(async () => {
        const { rows } = await directory.pool.query(
          `select from pg_stat_activity where datname = current_database() and wait_event_type = 'Lock' and query like 'copy%'`,
        )
        return rows.length > 0
      }),
  }
}

const begin = async (t: Test) => {
  const directory = await makeDirectory(t)
  const rival = await makeRival(directory)
  const name = await directory.put(file)
  const { child, output, ended } = launch(['import', name, '--passwords', 'hashes', '--json'], directory.env)
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
    file
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
  t.equal(await begun.count('auth_user'), 10_000, 'two transactions, whole')
  const { status, summary, stderr } = await begun.importFile(begun.name, '--passwords', 'hashes')
  t.match(
    { status, summary },
    { status: 0, summary: { read: USERS, imported: USERS, failed: 0, resumed_after: 10_000 } },
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
  t.match(begun.output.stderr, /Ended after \d+ of 11000 users\. The same command goes on from here\./)
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
  t.match(begun.output.stderr, 'line 10501: /username: A user with that username already exists.')
  const { rows } = await begun.pool.query('select first_name from auth_user where username = $1', [
    IN_THE_THIRD,
  ])
  t.same(rows, [{ first_name: 'Rival' }])
  t.equal(await begun.count('auth_user'), USERS)
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
