// The mock as consumers' tests use it: the real service, on a database that is gone afterwards.
import { existsSync, readdirSync } from 'node:fs'
import os from 'node:os'
import path from 'node:path'
import t from 'tap'
import { FixtureError, startMock } from '../../src/mock/index.js'
import { requester } from '../helpers/service.js'

const foldersOf = (pid: number): string[] =>
  readdirSync(os.tmpdir()).filter((name) => name.startsWith(`ua-mock-${pid}-`))

t.test('the team', async (t) => {
  const mock = await startMock()
  t.teardown(mock.close)
  const request = requester(mock.url)
  t.match(mock.url, /^http:\/\/127\.0\.0\.1:\d+$/)
  t.strictSame(mock.users.admin, { id: 1, username: 'admin' }, 'ids are the same every time')
  t.equal(mock.groups.editors.id, 1)
  t.match(mock.keys.ada, /^uak_mock-ada-0+$/, 'and so are keys')

  t.test('each of them may do what the fixtures say', async (t) => {
    const statuses = { admin: 200, ada: 200, grace: 403, alan: 401, mary: 403 }
    for (const [name, status] of Object.entries(statuses)) {
      const key = mock.keys[name as keyof typeof statuses]
      t.equal((await request('GET', '/admin/users/', { key })).status, status, name)
    }
    const { body } = await request('GET', '/admin/me/', { key: mock.keys.ada })
    t.strictSame(body.permissions, ['auth.add_user', 'auth.change_user', 'auth.view_group', 'auth.view_user'])
    const { body: ada } = await request('GET', `/admin/users/${mock.users.ada.id}/`, { key: mock.keys.admin })
    t.match(ada, {
      username: 'ada',
      is_staff: true,
      groups: [mock.groups.editors.id],
      password: /^argon2\$\*+$/,
    })
    t.equal(ada.user_permissions.length, 1)
  })

  t.test('nothing has happened yet', async (t) => {
    const { body } = await request('GET', '/admin/events/', { key: mock.keys.admin })
    t.equal(body.count, 0)
  })

  t.test('reset brings back the fixtures, whatever was done', async (t) => {
    const key = mock.keys.admin
    const before = (await request('GET', '/admin/users/', { key })).text
    const body = { username: 'eve', password: 'correct horse battery staple' }
    const created = await request('POST', '/admin/users/', { key, body })
    t.equal(created.status, 201)
    t.equal((await request('PATCH', '/admin/users/2/', { key, body: { is_active: false } })).status, 200)
    t.equal((await request('DELETE', '/admin/groups/1/', { key })).status, 204)
    await mock.reset()
    t.equal((await request('GET', '/admin/users/', { key })).text, before)
    t.equal((await request('GET', '/admin/events/', { key })).body.count, 0)
    const again = await request('POST', '/admin/users/', { key, body })
    t.strictSame([created.body.id, again.body.id], [6, 6], 'ids go on from where they did')
  })

  t.test('reset takes others', async (t) => {
    const { ada } = mock.keys
    await mock.reset('empty')
    t.strictSame(Object.keys(mock.users), ['admin'])
    t.equal((await request('GET', '/admin/users/', { key: ada })).status, 401, 'a key that is gone')
    t.equal((await request('GET', '/admin/users/', { key: mock.keys.admin })).body.count, 1)
    await mock.reset()
    t.equal((await request('GET', '/admin/users/', { key: ada })).status, 200)
    await t.rejects(mock.reset('nobody' as 'empty'), FixtureError)
    t.equal((await request('GET', '/admin/users/', { key: ada })).status, 200, 'what was there stays')
  })

  t.test('a reset waits for what is under way, and what comes meanwhile waits for it', async (t) => {
    const key = mock.keys.admin
    const answers = await Promise.all([
      ...Array.from({ length: 20 }, (_, index) =>
        request('PATCH', `/admin/users/${1 + (index % 5)}/`, { key, body: { last_name: `X${index}` } }),
      ),
      mock.reset(),
      request('GET', '/admin/users/', { key }),
    ])
    for (const answer of answers) if (answer !== undefined) t.equal(answer.status, 200)
  })

  t.test('another one runs beside it, and leaves nothing behind', async (t) => {
    t.equal(foldersOf(process.pid).length, 1)
    const other = await startMock({ fixtures: 'crowd', settings: { PREFIX: '/people', PAGE_SIZE: '3' } })
    t.equal(foldersOf(process.pid).length, 2)
    const answer = await requester(other.url)('GET', '/people/users/', { key: other.keys.admin })
    t.strictSame([answer.body.count, answer.body.results.length], [255, 3])
    await other.close()
    await other.close()
    t.equal(foldersOf(process.pid).length, 1)
    t.equal((await request('GET', '/admin/users/', { key: mock.keys.admin })).body.count, 5)
  })

  t.test('a port that is in use', async (t) => {
    await t.rejects(startMock({ port: Number(new URL(mock.url).port) }), { code: 'EADDRINUSE' })
    t.equal(foldersOf(process.pid).length, 1, 'nothing is left behind')
  })

  t.test('fixtures that are none', async (t) => {
    for (const fixtures of ['nobody', { users: { a: { groups: ['b'] } } }])
      await t.rejects(startMock({ fixtures: fixtures as 'team' }), FixtureError)
    t.equal(foldersOf(process.pid).length, 1, 'nothing is left behind')
  })
})

t.test('fixtures of its own', async (t) => {
  const key = `uak_${'k'.repeat(43)}`
  const mock = await startMock({
    fixtures: {
      groups: { readers: { permissions: ['auth.view_user', 'auth.view_user'] } },
      users: {
        root: { is_superuser: true, is_staff: true, key },
        zoë: { is_staff: true, groups: ['readers', 'readers'] },
      },
    },
  })
  t.teardown(mock.close)
  t.equal(mock.keys.root, key)
  const request = requester(mock.url)
  const { body } = await request('GET', '/admin/users/?fields=id,username,groups', { key: mock.keys.zoë })
  t.strictSame(body.results, [
    { id: 1, username: 'root', groups: [] },
    { id: 2, username: 'zoë', groups: [1] },
  ])

  t.test('and what is wrong with others', async (t) => {
    const wrong = {
      'no permission "auth.fly"': { users: { a: { permissions: ['auth.fly'] } } },
      'no group "b"': { users: { a: { groups: ['b'] } } },
      'the same key': { users: { 'a b': {}, 'a-b': {} } },
      '/users/a/is_staf': { users: { a: { is_staf: true } } },
      '/users': {},
      '(all)': null,
    }
    for (const [message, fixtures] of Object.entries(wrong)) {
      const error = await mock.reset(fixtures as never).catch((error: unknown) => error)
      t.ok(error instanceof FixtureError && error.message.includes(message), message)
    }
    t.equal((await request('GET', '/admin/users/', { key })).body.count, 2, 'nothing has changed')
  })
})

t.test('on a server that runs', async (t) => {
  const { createDatabase } = await import('../helpers/database.js')
  const { url: DATABASE_URL, pool } = await createDatabase(t)
  const databases = async () =>
    (
      await pool.query<{ datname: string }>(
        `select datname from pg_database where datname like 'user\\_admin\\_mock\\_%'`,
      )
    ).rows.map(({ datname }) => datname)
  await pool.query('create database user_admin_mock_left')
  const mock = await startMock({ settings: { DATABASE_URL } })
  const made = await databases()
  t.equal(made.length, 1, 'what nobody uses is dropped')
  t.not(made[0], 'user_admin_mock_left')
  t.equal(foldersOf(process.pid).length, 0)
  const other = await startMock({ settings: { DATABASE_URL } })
  t.equal((await databases()).length, 2, 'and not what somebody uses')
  const { status } = await requester(mock.url)('GET', '/admin/users/', { key: mock.keys.admin })
  t.equal(status, 200)
  await other.close()
  await mock.close()
  t.strictSame(await databases(), [])
})

t.test('`await using` ends it', async (t) => {
  const url = await (async () => {
    await using mock = await startMock({ fixtures: 'empty' })
    return mock.url
  })()
  await t.rejects(requester(url)('GET', '/admin/users/'), { code: 'ECONNREFUSED' })
  t.notOk(foldersOf(process.pid).some((name) => existsSync(path.join(os.tmpdir(), name))))
})
