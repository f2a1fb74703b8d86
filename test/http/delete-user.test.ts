/** Users who are deleted: with what is their own, and not where anything else refers to them. */
import t, { type Test } from 'tap'
import { createDatabase } from '../helpers/database.js'
import { startService, type TestService, type UserFixture } from '../helpers/service.js'
import { stored } from '../properties/stored.js'

// As Django REST Framework makes it.
const TOKENS = `create table authtoken_token (
  key varchar(40) primary key,
  created timestamptz not null default now(),
  user_id integer not null unique references auth_user (id) deferrable initially deferred
)`

/** A service beside a Django REST Framework with tokens, and with three superusers. */
async function start(t: Test) {
  const database = await createDatabase(t)
  await database.pool.query(TOKENS)
  const service = await startService(t, {}, database)
  const root = await service.makeCaller({ username: 'root' })
  await service.makeUser({ is_superuser: true })
  const remove = (id: number | string, key = root.key) =>
    service.request('DELETE', `/admin/users/${id}/`, { key })
  return { ...service, root, remove }
}

async function eventsOf({ pool }: TestService, id: number) {
  const { rows } = await pool.query(
    `select actor_id::int as actor, outcome, changes from user_admin.audit_event
     where action = 'user.delete' and target_id = $1 order by id`,
    [id],
  )
  return rows
}

const countOf = async ({ pool }: TestService, table: string, id: number): Promise<number> =>
  (await pool.query(`select count(*)::int as count from ${table} where user_id = $1`, [id])).rows[0].count

const OWN = ['auth_user_groups', 'auth_user_user_permissions', 'user_admin.api_key', 'authtoken_token']

t.test('a user goes with its memberships, permissions, keys and token', async (t) => {
  const service = await start(t)
  const { request, makeUser, makeGroup, makePermission, makeCaller, pool, root, remove } = service
  const [group, permission] = [await makeGroup(), await makePermission()]
  const { id, key } = await makeCaller({ username: 'gone', groups: [group], user_permissions: [permission] })
  const stays = await makeUser({ groups: [group], user_permissions: [permission] })
  const token = 'f'.repeat(40)
  await pool.query('insert into authtoken_token (key, user_id) values ($1, $2), ($3, $4)', [
    token,
    id,
    'e'.repeat(40),
    stays,
  ])
  const asToken = () => request('GET', '/admin/me/', { headers: { authorization: `Token ${token}` } })
  // Both are remembered now.
  t.equal((await request('GET', '/admin/me/', { key })).status, 200)
  t.equal((await asToken()).status, 200)
  for (const table of OWN) t.equal(await countOf(service, table, id), 1, table)
  const before = await stored(pool, stays)

  const answer = await remove(id)
  t.strictSame([answer.status, answer.text, answer.headers['content-type']], [204, '', undefined])
  for (const table of OWN) t.equal(await countOf(service, table, id), 0, `nothing is left in ${table}`)
  t.strictSame((await pool.query('select id from auth_user where id = $1', [id])).rows, [])
  t.strictSame(await stored(pool, stays), before, 'others keep theirs')
  for (const [method, path] of [
    ['GET', '/admin/me/'],
    ['GET', `/admin/users/${stays}/`],
    ['PATCH', `/admin/users/${stays}/`],
    ['DELETE', `/admin/users/${stays}/`],
  ] as const) {
    const body = method === 'PATCH' ? { first_name: 'X' } : undefined
    t.equal((await request(method, path, { key, body })).status, 401, `${method} ${path}: the key is dead`)
  }
  t.equal((await asToken()).status, 401, 'and the token too')
  t.equal((await remove(id)).status, 404, 'again')
  t.equal((await request('GET', `/admin/users/${id}/`, { key: root.key })).status, 404)
  const events = await eventsOf(service, id)
  t.equal(events.length, 1, 'recorded once')
  const { actor, outcome, changes } = events[0]
  t.strictSame([actor, outcome], [root.id, 'applied'])
  t.strictSame(
    [changes.username, changes.groups, changes.password],
    [
      ['gone', null],
      [[group], null],
      ['!', null],
    ],
  )
  const history = await request('GET', `/admin/users/${id}/history/`, { key: root.key })
  t.strictSame([history.status, history.body.results[0].action], [200, 'user.delete'], 'its history stays')
})

t.test('nobody who does not exist, and a name that is free again', async (t) => {
  const { request, makeUser, remove, root } = await start(t)
  for (const id of [
    '999999',
    '0',
    '-1',
    'x',
    '01',
    '1.0',
    '%20',
    '9007199254740993',
    '2147483648',
    '1'.repeat(40),
  ]) {
    const { status, body } = await remove(id)
    t.strictSame([status, body.code], [404, 'not_found'], id)
  }
  const id = await makeUser({ username: 'again' })
  t.equal(
    (await request('DELETE', `/admin/users/${id}`, { key: root.key })).status,
    204,
    'without the final slash',
  )
  const body = { username: 'again', password: '!secret' }
  const made = await request('POST', '/admin/users/', { key: root.key, body })
  t.equal(made.status, 201)
  t.ok(made.body.id > id)
  t.equal((await request('DELETE', `/admin/users/${made.body.id}/?force=1`, { key: root.key })).status, 400)
  t.equal((await request('DELETE', `/admin/users/${made.body.id}/`)).status, 401)
})

t.test('of those who delete at once, one does', async (t) => {
  const service = await start(t)
  for (let round = 0; round < 10; round++) {
    const id = await service.makeUser()
    const answers = await Promise.all([1, 2, 3, 4].map(() => service.remove(id)))
    t.strictSame(answers.map(({ status }) => status).toSorted(), [204, 404, 404, 404])
    t.equal((await eventsOf(service, id)).length, 1)
  }
})

t.test('one active superuser stays', async (t) => {
  const service = await startService(t)
  const { request, makeUser, makeCaller, pool } = service
  const { id, key } = await makeCaller()
  await makeUser({ is_superuser: true, is_active: false })
  const last = await request('DELETE', `/admin/users/${id}/`, { key })
  t.strictSame([last.status, last.body.code], [409, 'last_superuser'])
  t.strictSame(
    (await eventsOf(service, id)).map(({ outcome, changes }) => [outcome, changes.code]),
    [['refused', 'last_superuser']],
  )
  for (let round = 0; round < 10; round++) {
    const other = await makeCaller()
    await pool.query('update auth_user set is_active = true where id = $1', [id])
    // Each deletes the other.
    const answers = await Promise.all([
      request('DELETE', `/admin/users/${other.id}/`, { key }),
      request('DELETE', `/admin/users/${id}/`, { key: other.key }),
    ])
    const statuses = answers.map(({ status }) => status)
    const { rows } = await pool.query('select id from auth_user where is_superuser and is_active')
    t.equal(rows.length, 1, `one remains: ${statuses}`)
    t.equal(statuses.filter((status) => status === 204).length, 1)
    if (rows[0].id !== id) return
  }
})

t.test('whoever has the last superuser beside an inactive one, or another one, may go', async (t) => {
  const { makeUser, remove, root, pool } = await start(t)
  const asleep = await makeUser({ is_superuser: true, is_active: false })
  t.equal((await remove(asleep)).status, 204, 'an inactive superuser is none')
  t.equal((await remove(root.id)).status, 204, 'oneself, as another one remains')
  t.equal((await remove(root.id)).status, 401)
  t.equal((await pool.query('select from auth_user where is_superuser and is_active')).rowCount, 1)
})

const REFERENCES = {
  'a foreign key that is checked at the commit': 'deferrable initially deferred',
  'a foreign key that is checked at once': '',
  'a foreign key that restricts': 'on delete restrict',
}

t.test('a user that other tables refer to is not deleted, and the table is named', async (t) => {
  const service = await start(t)
  const { makeUser, makeGroup, pool, remove } = service
  for (const [index, [name, rule]] of Object.entries(REFERENCES).entries()) {
    const table = `shop_order_${index}`
    await pool.query(
      `create table ${table} (id serial primary key, buyer integer references auth_user (id) ${rule})`,
    )
    const id = await makeUser({ groups: [await makeGroup()] })
    await service.makeKey(id)
    await pool.query(`insert into ${table} (buyer) values ($1)`, [id])
    const before = await stored(pool, id)
    const { status, body, text } = await remove(id)
    t.strictSame([status, body.code], [409, 'in_use'], name)
    t.match(body.detail, table, 'it names the table')
    t.notMatch(text, /constraint|fkey|buyer|select|delete from/i, 'and nothing else of the database')
    t.strictSame(await stored(pool, id), before, 'nothing is lost')
    t.equal(await countOf(service, 'user_admin.api_key', id), 1)
    await pool.query(`delete from ${table}`)
    t.equal((await remove(id)).status, 204, 'once nothing refers to it')
  }
  await pool.query('create table note (author integer references auth_user (id) on delete cascade)')
  const id = await makeUser()
  await pool.query('insert into note values ($1)', [id])
  t.equal((await remove(id)).status, 204, 'what the database itself deletes with it is in nobody’s way')
})

t.test('who may delete whom', async (t) => {
  const service = await start(t)
  const { makeUser, makeGroup, makePermission, makeCaller, findPermission, pool, remove } = service
  const [held, other] = [await makePermission(), await makePermission()]
  const permissions = [await findPermission('delete_user'), held]
  const caller = await makeCaller({ is_superuser: false, user_permissions: permissions })
  const missing = [
    `tests.${(await pool.query('select codename from auth_permission where id = $1', [other])).rows[0].codename}`,
  ]
  const targets: [Partial<UserFixture>, string[] | undefined | 'allowed'][] = [
    [{}, 'allowed'],
    [{ is_staff: true, user_permissions: [held] }, 'allowed'],
    [{ groups: [await makeGroup([held])] }, 'allowed'],
    [{ user_permissions: [held, other] }, missing],
    [{ groups: [await makeGroup([other])] }, missing],
    [{ is_superuser: true }, undefined],
    [{ is_superuser: true, is_active: false }, undefined],
  ]
  for (const [fields, lacking] of targets) {
    const id = await makeUser(fields)
    const before = await stored(pool, id)
    const { status, body } = await remove(id, caller.key)
    const name = JSON.stringify(fields)
    if (lacking === 'allowed') {
      t.equal(status, 204, name)
      continue
    }
    t.strictSame([status, body.code, body.missing_permissions], [403, 'permission_denied', lacking], name)
    t.match(body.detail, /^You do not have permission to delete this user\./)
    t.strictSame({ ...(await stored(pool, id)), events: 0 }, { ...before, events: 0 }, 'nothing is deleted')
    const [event, ...more] = await eventsOf(service, id)
    t.strictSame([event.actor, event.outcome, more], [caller.id, 'refused', []], 'and it is recorded')
  }
  t.equal((await remove(caller.id, caller.key)).status, 403, 'nobody deletes themselves')
  const reader = await makeCaller({
    is_superuser: false,
    user_permissions: [await findPermission('change_user')],
  })
  const denied = await remove(await makeUser(), reader.key)
  t.strictSame([denied.status, denied.body.missing_permissions], [403, ['auth.delete_user']])
})

t.test('a token goes with its user also where tokens are not taken', async (t) => {
  const database = await createDatabase(t)
  await database.pool.query(TOKENS)
  const { request, makeUser, makeCaller, pool } = await startService(t, { DRF_TOKENS: 'off' }, database)
  const { key } = await makeCaller()
  const id = await makeUser()
  await pool.query('insert into authtoken_token (key, user_id) values ($1, $2)', ['f'.repeat(40), id])
  t.equal((await request('DELETE', `/admin/users/${id}/`, { key })).status, 204)
  t.equal((await pool.query('select from authtoken_token')).rowCount, 0)
})

t.test('whoever changes a user that is deleted meanwhile is told, or was first', async (t) => {
  const service = await start(t)
  const { request, makeUser, makeGroup, pool, root, remove } = service
  const group = await makeGroup()
  for (let round = 0; round < 40; round++) {
    const id = await makeUser({ groups: round % 2 === 0 ? [group] : [] })
    const path = `/admin/users/${id}/`
    const calls = [
      () => remove(id),
      () => request('PATCH', path, { key: root.key, body: { first_name: 'X', groups: [group] } }),
      () => request('PUT', `${path}groups/${group}/`, { key: root.key }),
      () => request('PATCH', '/admin/users/', { key: root.key, body: [{ id, last_name: 'X' }] }),
      () => service.makeKey(id),
    ]
    const order = round % 3 === 0 ? calls.toReversed() : calls
    const answers = (await Promise.all(order.map((call) => call()))).filter(
      (answer) => typeof answer !== 'string',
    )
    const statuses = answers.map(({ status }) => status)
    t.strictSame(
      statuses.filter((status) => ![200, 204, 404].includes(status)),
      [],
      `${statuses}`,
    )
    const left = await pool.query('select from auth_user_groups where user_id = $1', [id])
    t.strictSame([(await remove(id)).status, left.rowCount], [404, 0], 'it is gone, with everything')
  }
})
