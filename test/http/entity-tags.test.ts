/** Entity tags: what changes them, where they are told, and what they do not tell. */
import t from 'tap'
import { migrate } from '../../src/db/migrate.js'
import { createDatabase } from '../helpers/database.js'
import { type Answer, startService, type UserFixture } from '../helpers/service.js'

const settings = { PASSWORD_HASHER: 'pbkdf2_sha256', PBKDF2_ITERATIONS: '1' } as const
const service = await startService(t, settings)
const { request, makeUser, makeGroup, makePermission, makeCaller, findPermission, pool } = service
const { key } = await makeCaller({ username: 'root' })

const STRONG = /^"[\x21\x23-\x7e]{16,}"$/
const MINIMAL = { prefer: 'return=minimal' }

const get = (path: string, headers = {}) => request('GET', `/admin/${path}/`, { key, headers })
const send = (method: string, path: string, body?: unknown, headers = {}) =>
  request(method, `/admin/${path}/`, { key, body, headers })
const tagOf = async (path: string): Promise<string> => (await get(path)).headers.etag!

/** The table holds the values of the fixture, and both sets. */
const makeWhole = async (fields: Partial<UserFixture> = {}) =>
  makeUser({ groups: [await makeGroup()], user_permissions: [await makePermission()], ...fields })

t.test('one state has one strong tag, whoever tells it', async (t) => {
  const user = `users/${await makeWhole({ last_login: '2024-02-29T08:30:00.000001Z' })}`
  const read = await get(user)
  const { etag } = read.headers
  t.match(etag, STRONG, 'strong')
  const { body } = read
  const [group, permission] = [body.groups[0], body.user_permissions[0]]
  const second = await startService(t, settings, service.database)
  const answers: [string, Promise<Answer>, number][] = [
    ['GET again', get(user), 200],
    ['HEAD', send('HEAD', user), 200],
    ['GET without the slash', request('GET', `/admin/${user}`, { key }), 200],
    ['another replica', second.request('GET', `/admin/${user}/`, { key }), 200],
    ['its PATCH', second.request('PATCH', `/admin/${user}/`, { key, body: {} }), 200],
    ['PATCH', send('PATCH', user, {}), 200],
    ['PATCH of all', send('PATCH', user, body), 200],
    ['PATCH, minimal', send('PATCH', user, {}, MINIMAL), 204],
    ['PUT', send('PUT', user, body), 200],
    ['PUT, minimal', send('PUT', user, body, MINIMAL), 204],
    ['a group given', send('PUT', `${user}/groups/${group}`), 204],
    [
      'and shown',
      send('PUT', `${user}/groups/${group}`, undefined, { prefer: 'return=representation' }),
      200,
    ],
    ['a group taken', send('DELETE', `${user}/groups/${await makeGroup()}`), 204],
    ['a permission given', send('PUT', `${user}/permissions/${permission}`), 204],
    ['a permission taken', send('DELETE', `${user}/permissions/auth.view_user`), 204],
    ['merge patch', send('PATCH', user, {}, { 'content-type': 'application/merge-patch+json' }), 200],
    ['JSON Patch', send('PATCH', user, [], { 'content-type': 'application/json-patch+json' }), 200],
    ['dry run', request('PATCH', `/admin/${user}/?dry_run=true`, { key, body: { email: '' } }), 200],
  ]
  for (const [what, answer, status] of answers) {
    const { status: found, headers } = await answer
    t.strictSame([found, headers.etag], [status, etag], what)
  }
  const bulk = await send('PATCH', 'users', [{ id: body.id }])
  t.equal(bulk.body.results[0].etag, etag, 'of many')
})

t.test('a change is answered with the tag that is read after it', async (t) => {
  const { body: made, headers } = await send('POST', 'users', { username: 'made', password: 'secret' })
  const user = `users/${made.id}`
  const [group, other] = [await makeGroup(), await makeGroup()]
  const steps: [string, () => Promise<Answer>][] = [
    ['PATCH', () => send('PATCH', user, { first_name: 'One' })],
    ['PATCH, minimal', () => send('PATCH', user, { first_name: 'Two' }, MINIMAL)],
    ['PUT', () => send('PUT', user, { username: 'made', password: 'secret' })],
    ['PUT, minimal', () => send('PUT', user, { username: 'made', password: 'other' }, MINIMAL)],
    ['a group', () => send('PUT', `${user}/groups/${group}`)],
    ['and back', () => send('DELETE', `${user}/groups/${group}`)],
    ['a permission', () => send('PUT', `${user}/permissions/auth.view_user`)],
  ]
  const seen = [headers.etag]
  t.equal(headers.etag, await tagOf(user), 'POST')
  for (const [what, step] of steps) {
    const { headers } = await step()
    t.match(headers.etag, STRONG, what)
    t.equal(headers.etag, await tagOf(user), what)
    t.not(headers.etag, seen.at(-1), `${what}: another one`)
    seen.push(headers.etag)
  }
  const { body } = await send('PATCH', 'users', [{ id: made.id, groups: [other] }])
  t.equal(body.results[0].etag, await tagOf(user), 'bulk')
  const minimal = await send('POST', 'users', { username: 'made2', password: 'x' }, MINIMAL)
  t.equal(
    minimal.headers.etag,
    await tagOf(minimal.headers.location!.slice('/admin/'.length, -1)),
    'POST, minimal',
  )
})

t.test('every field changes it, whoever writes it; a login does not', async (t) => {
  const id = await makeWhole()
  const user = `users/${id}`
  const [group, permission] = [await makeGroup(), await makePermission()]
  const bySql: Record<string, string> = {
    password: "update auth_user set password = '!' || repeat('x', 40) where id = $1",
    is_superuser: 'update auth_user set is_superuser = not is_superuser where id = $1',
    username: "update auth_user set username = username || 'x' where id = $1",
    first_name: "update auth_user set first_name = '' where id = $1",
    last_name: 'update auth_user set last_name = lower(last_name) where id = $1',
    email: "update auth_user set email = '' where id = $1",
    is_staff: 'update auth_user set is_staff = not is_staff where id = $1',
    is_active: 'update auth_user set is_active = not is_active where id = $1',
    date_joined: "update auth_user set date_joined = date_joined + interval '1 microsecond' where id = $1",
    'a group': `insert into auth_user_groups (user_id, group_id) values ($1, ${group})`,
    'no group': 'delete from auth_user_groups where user_id = $1',
    'a permission': `insert into auth_user_user_permissions (user_id, permission_id) values ($1, ${permission})`,
    'no permission': 'delete from auth_user_user_permissions where user_id = $1',
  }
  const tags = [await tagOf(user)]
  for (const [what, sql] of Object.entries(bySql)) {
    await pool.query(sql, [id])
    const tag = await tagOf(user)
    t.notOk(tags.includes(tag), `${what}, by SQL`)
    tags.push(tag)
    await pool.query('update auth_user set last_login = now() where id = $1', [id])
    t.equal(await tagOf(user), tag, 'a login does not')
  }
  const byPatch = {
    password: 'another one',
    is_superuser: false,
    username: 'renamed',
    first_name: 'Grace',
    last_name: 'Hopper',
    email: 'grace@example.com',
    is_staff: false,
    is_active: true,
    date_joined: '2020-01-01T00:00:00.000001Z',
    groups: [group],
    user_permissions: [permission],
  }
  for (const [field, value] of Object.entries(byPatch)) {
    const { status, headers } = await send('PATCH', user, { [field]: value })
    t.equal(status, 200, field)
    t.notOk(tags.includes(headers.etag!), `${field}, by PATCH`)
    tags.push(headers.etag!)
  }
  const { headers } = await send('PATCH', user, { last_login: '2025-01-01T00:00:00Z' })
  t.equal(headers.etag, tags.at(-1), 'last_login, by PATCH')
  await send('PATCH', user, { first_name: 'Ada' })
  t.equal(
    (await send('PATCH', user, { first_name: 'Grace' })).headers.etag,
    tags.at(-1),
    'a former state has its tag',
  )
})

t.test('the tag of one user is that of no other', async (t) => {
  const fields = { username: 'twin', password: '!twin', email: 'twin@example.com' }
  const first = await makeUser(fields)
  const tag = await tagOf(`users/${first}`)
  await pool.query('delete from auth_user where id = $1', [first])
  const second = await makeUser(fields)
  t.not(await tagOf(`users/${second}`), tag, 'even where all fields are equal')
  // A list of fields must not run together.
  const [one, two] = [
    await makeUser({ first_name: 'ab', last_name: 'c' }),
    await makeUser({ first_name: 'a', last_name: 'bc' }),
  ]
  t.not(await tagOf(`users/${one}`), await tagOf(`users/${two}`))
})

t.test('nobody can find out a stored hash from it', async (t) => {
  // Without a secret, whoever sees a tag could try passwords against an old hash that has no salt.
  // Migrated by itself: the databases of tests are copies of one, and so have one secret.
  const database = await createDatabase(t, { template: 'empty' })
  await migrate(database.url)
  const other = await startService(t, settings, database)
  const { key: otherKey } = await other.makeCaller()
  const row = {
    username: 'old',
    password: 'md5$$5f4dcc3b5aa765d61d8327deb882cf99',
    email: '',
    groups: [],
    user_permissions: [],
  }
  const tags = []
  for (const [{ makeUser, pool, request }, as] of [
    [service, key],
    [other, otherKey],
  ] as const) {
    const id = await makeUser(row)
    await pool.query('update auth_user set id = 424242 where id = $1', [id])
    tags.push((await request('GET', '/admin/users/424242/', { key: as })).headers.etag!)
  }
  t.not(tags[0], tags[1], 'two directories do not agree on one row')
  t.not(tags[0]!.slice(1, 17), tags[1]!.slice(1, 17), 'nor on its digest')
  t.not(tags[0]!.slice(17), tags[1]!.slice(17), 'nor on its checksums')
  await pool.query(
    "update auth_user set password = 'md5$$ffffcc3b5aa765d61d8327deb882cf99' where id = 424242",
  )
  const changed = await tagOf('users/424242')
  t.not(changed, tags[0])
  t.equal(changed.slice(17), tags[0]!.slice(17), 'no checksum has seen what stands after the salt')
})

t.test('nor, without the right to read users, which of their fields are equal', async (t) => {
  // Whoever may only make users learns that a name is taken, and not whether its holder is what another one is.
  const maker = await makeCaller({
    is_superuser: false,
    user_permissions: [await findPermission('add_user')],
  })
  const make = (username: string) =>
    request('POST', '/admin/users/', {
      key: maker.key,
      body: { username, password: 'x', first_name: 'Ada', last_name: 'Lovelace' },
      headers: { 'if-none-match': '*' },
    })
  await makeUser({ username: 'secretive' })
  const [own, refusal] = [await make('known-to-me'), await make('secretive')]
  t.strictSame([own.status, refusal.status], [201, 412])
  const [mine, other] = [own.headers.etag!, refusal.headers.etag ?? '']
  const alike = [...mine].filter((character, index) => character === other[index])
  t.ok(alike.length < mine.length / 4, `${mine} and ${other} share ${alike.length} characters`)
})

t.test('If-None-Match of a read: 304 where the client has it', async (t) => {
  const { body: group } = await send('POST', 'groups', {
    name: 'known',
    permissions: [await makePermission()],
  })
  for (const path of [`users/${await makeWhole()}`, `groups/${group.id}`]) {
    const etag = await tagOf(path)
    const known = [
      etag,
      '*',
      `W/${etag}`,
      `"x", ${etag}`,
      `"x",W/"y" ,\t${etag} , `,
      `,, ${etag}`,
      `"", ${etag}, ""`,
    ]
    for (const method of ['GET', 'HEAD']) {
      for (const list of known) {
        const { status, headers, text } = await send(method, path, undefined, { 'if-none-match': list })
        t.strictSame([status, headers.etag, text], [304, etag, ''], `${method} ${list}`)
      }
      for (const list of ['"x"', '""', 'W/"x"', `"${etag.slice(1, -2)}"`, `"x", "y"`]) {
        const { status, headers } = await send(method, path, undefined, { 'if-none-match': list })
        t.strictSame([status, headers.etag], [200, etag], `${method} ${list}`)
      }
    }
    for (const list of ['', 'x', '"x', etag.slice(1, -1), `w/${etag}`, `* , ${etag}`, `${etag} "x"`, ',']) {
      const { status, body } = await get(path, { 'if-none-match': list })
      t.strictSame([status, body.code], [400, 'bad_request'], JSON.stringify(list))
    }
    const field = path.startsWith('users') ? 'first_name' : 'name'
    await send('PATCH', path, { [field]: 'Changed' })
    t.equal((await get(path, { 'if-none-match': etag })).status, 200, 'it changed since')
  }
  t.equal((await get('users/999999', { 'if-none-match': '*' })).status, 404, 'nothing is known of nobody')
  t.equal((await get('groups/999999', { 'if-none-match': '*' })).status, 404)
  const caller = await makeCaller({
    is_superuser: false,
    user_permissions: [await findPermission('add_user')],
  })
  const headers = { 'if-none-match': '*' }
  t.equal((await request('GET', `/admin/users/${caller.id}/`, { key: caller.key, headers })).status, 403)
  t.equal((await request('GET', `/admin/users/${caller.id}/`, { headers })).status, 401)
})

t.test('groups', async (t) => {
  const [one, two] = [await makePermission(), await makePermission()]
  const made = await send('POST', 'groups', { name: 'editors', permissions: [one] })
  const group = `groups/${made.body.id}`
  const { etag } = made.headers
  t.match(etag, STRONG)
  const second = await startService(t, {}, service.database)
  const answers: [string, Promise<Answer>][] = [
    ['GET', get(group)],
    ['HEAD', send('HEAD', group)],
    ['another replica', second.request('GET', `/admin/${group}/`, { key })],
    ['PATCH', send('PATCH', group, {})],
    ['PATCH, minimal', send('PATCH', group, made.body, MINIMAL)],
    ['PUT', send('PUT', group, made.body)],
    ['PUT, minimal', send('PUT', group, made.body, MINIMAL)],
  ]
  for (const [what, answer] of answers) t.equal((await answer).headers.etag, etag, what)
  const tags = [etag!]
  const { id } = made.body
  const changes: [string, () => Promise<unknown>][] = [
    ['name, by SQL', () => pool.query("update auth_group set name = 'writers' where id = $1", [id])],
    [
      'a permission, by SQL',
      () =>
        pool.query('insert into auth_group_permissions (group_id, permission_id) values ($1, $2)', [id, two]),
    ],
    ['none, by SQL', () => pool.query('delete from auth_group_permissions where group_id = $1', [id])],
    ['name', () => send('PATCH', group, { name: 'authors' })],
    ['permissions', () => send('PATCH', group, { permissions: [two] }, MINIMAL)],
    ['both', () => send('PUT', group, { name: 'poets' })],
  ]
  for (const [what, change] of changes) {
    await change()
    const tag = await tagOf(group)
    t.notOk(tags.includes(tag), what)
    tags.push(tag)
  }
})
