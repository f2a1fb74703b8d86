/** Many users in one PATCH: all or nothing, or each for itself. */
import t, { type Test } from 'tap'
import { faultsOf } from '../helpers/observe.js'
import { startService } from '../helpers/service.js'
import { stored } from '../properties/stored.js'

const settings = { PASSWORD_HASHER: 'pbkdf2_sha256', PBKDF2_ITERATIONS: '1' } as const
const service = await startService(t, settings)
const { request, makeUser, makeGroup, makePermission, makeCaller, pool } = service
const root = await makeCaller({ username: 'root' })
const NOWHERE = 999_999

const update = (body: unknown, { key = root.key, query = '', headers = {} } = {}) =>
  request('PATCH', `/admin/users/${query}`, { key, body, headers })
const updateEach = (body: unknown, key = root.key) => update(body, { key, query: '?atomic=false' })
const alone = (id: number, body: unknown, key = root.key) =>
  request('PATCH', `/admin/users/${id}/`, { key, body })
const read = async (id: number) => (await request('GET', `/admin/users/${id}/`, { key: root.key })).body

const makeUsers = (count: number, fields = {}) =>
  Promise.all(Array.from({ length: count }, () => makeUser(fields)))

const snapshot = (ids: number[]) => Promise.all(ids.map((id) => stored(pool, id)))

/** Nothing of these users is written, but perhaps events. */
async function unchanged(t: Test, ids: number[], before: Record<string, unknown>[]) {
  const strip = (states: Record<string, unknown>[]) => states.map((state) => ({ ...state, events: 0 }))
  t.strictSame(strip(await snapshot(ids)), strip(before), 'nothing is written')
}

t.test('all updates are applied, and answered in their order', async (t) => {
  const ids = (await makeUsers(5)).toReversed()
  const [group, permission] = [await makeGroup(), await makePermission()]
  const patches = [
    { first_name: ' A ' },
    { groups: [group], user_permissions: [permission] },
    { password: 'secret', email: 'Ada@EXAMPLE.com' },
    {},
    { is_active: false, last_login: '2024-02-29T08:30:00.000001Z' },
  ]
  const before = await Promise.all(ids.map(read))
  const { status, body } = await update(patches.map((patch, index) => ({ id: ids[index], ...patch })))
  t.equal(status, 200)
  t.strictSame(Object.keys(body), ['results'])
  const expected = [
    { first_name: 'A' },
    patches[1],
    { password: 'pbkdf2_sha256$********', email: 'Ada@example.com' },
    {},
    patches[4],
  ]
  t.strictSame(
    body.results.map(({ etag: _etag, ...result }: any) => result),
    ids.map((id, index) => ({ id, status: 200, user: { ...before[index], ...expected[index] } })),
  )
  t.strictSame(
    await Promise.all(ids.map(read)),
    body.results.map(({ user }: any) => user),
  )
  const { rows } = await pool.query(
    'select target_id::int as id, count(distinct request_id)::int as n from user_admin.audit_event where target_id = any($1) group by 1',
    [ids],
  )
  t.strictSame(
    rows.map(({ id }) => id).toSorted(),
    [ids[0], ids[1], ids[2], ids[4]].toSorted(),
    'each is recorded',
  )
  t.strictSame((await update([])).body, { results: [] }, 'of none')
  const whole = await update(await Promise.all(ids.map(read)))
  t.equal(whole.status, 200, 'users that were read may be sent back')
})

t.test('one that is refused refuses all, and every fault is named with its place', async (t) => {
  const ids = await makeUsers(4)
  const before = await snapshot(ids)
  const answer = await update([
    { id: ids[0], first_name: 'Changed' },
    { id: ids[1], email: 'nowhere', is_staff: 'yes', colour: 'blue' },
    { id: ids[2], groups: [1, 1], username: null },
    { id: ids[3], user_permissions: [0] },
  ])
  t.strictSame([answer.status, answer.body.code], [400, 'invalid'])
  t.strictSame(faultsOf(answer.body), {
    '/1/colour': 'unknown',
    '/1/email': 'invalid',
    '/1/is_staff': 'invalid_type',
    '/2/groups': 'duplicate',
    '/2/username': 'null',
    '/3/user_permissions/0': 'does_not_exist',
  })
  await unchanged(t, ids, before)

  const { username } = await read(ids[3]!)
  const late = await update([
    { id: ids[0], first_name: 'Changed' },
    { id: ids[1], groups: [NOWHERE], username: 'root' },
    { id: ids[2], password: 'argon2$********', username },
  ])
  t.strictSame([late.status, late.body.code], [400, 'invalid'], 'what only the database knows')
  t.strictSame(faultsOf(late.body), {
    '/1/groups/0': 'does_not_exist',
    '/1/username': 'unique',
    '/2/password': 'mask',
    '/2/username': 'unique',
  })
  t.strictSame(
    (
      await update([
        { id: ids[0], username: 'one-name' },
        { id: ids[1], username: 'one-name' },
      ])
    ).status,
    400,
    'two who would get one name',
  )
  await unchanged(t, ids, before)
})

t.test('faults of the bodies and those that only the database knows are told at once', async (t) => {
  const ids = await makeUsers(2)
  const items = [
    { id: ids[0], email: 'nowhere', groups: [NOWHERE] },
    { id: ids[1], username: 'root' },
  ]
  const expected = { '/0/email': 'invalid', '/0/groups/0': 'does_not_exist', '/1/username': 'unique' }
  t.strictSame(faultsOf((await alone(ids[0]!, items[0])).body), {
    '/email': 'invalid',
    '/groups/0': 'does_not_exist',
  })
  t.strictSame(faultsOf((await update(items)).body), expected, 'as one update alone would')
})

t.test('each for itself: the same answer as each alone, faults of the database included', async (t) => {
  const [one] = (await makeUsers(1)) as [number]
  for (const patch of [
    { email: 'nowhere', groups: [NOWHERE] },
    { first_name: 'x'.repeat(31), username: 'root' },
    { username: 'root' },
  ]) {
    const { body: expected } = await alone(one, patch)
    const { body } = await updateEach([{ id: one, ...patch }])
    t.strictSame(faultsOf(body.results[0].problem), faultsOf(expected), JSON.stringify(patch).slice(0, 60))
  }
})

t.test('a refusal of a body names its faults and nothing beside, wherever they were found', async (t) => {
  const [id] = await makeUsers(1)
  for (const items of [[{ id, email: 'x' }], [{ id, username: 'root' }], [{ id, groups: [NOWHERE] }]]) {
    const { status, body } = await update(items)
    t.equal(status, 400)
    t.equal(body.detail, undefined, `no detail beside errors, as published: ${JSON.stringify(items)}`)
  }
})

t.test('what is no update of anybody is refused, at its place', async (t) => {
  const [id] = (await makeUsers(1)) as [number]
  const before = await snapshot([id])
  const items: [unknown, Record<string, string>][] = [
    [null, { '/0': 'null' }],
    [5, { '/0': 'invalid_type' }],
    ['x', { '/0': 'invalid_type' }],
    ['', { '/0': 'invalid_type' }],
    [true, { '/0': 'invalid_type' }],
    [[], { '/0': 'invalid_type' }],
    [[{ id }], { '/0': 'invalid_type' }],
    [{}, { '/0/id': 'required' }],
    [{ first_name: 'X' }, { '/0/id': 'required' }],
    [{ id: null }, { '/0/id': 'null' }],
    [{ id: String(id) }, { '/0/id': 'invalid_type' }],
    [{ id: id + 0.5 }, { '/0/id': 'invalid_type' }],
    [{ id: [id] }, { '/0/id': 'invalid_type' }],
    [{ id: 0 }, { '/0/id': 'does_not_exist' }],
    [{ id: -id }, { '/0/id': 'does_not_exist' }],
  ]
  for (const [item, expected] of items) {
    const { status, body } = await update([item, { id, first_name: 'Changed' }])
    t.strictSame([status, faultsOf(body)], [400, expected], JSON.stringify(item))
    const each = await updateEach([item])
    t.equal(each.status, 207)
    const [result] = each.body.results
    t.equal(result.status, 400, `by itself: ${JSON.stringify(item)}`)
    t.notOk('id' in result, 'and names nobody')
    const local = Object.fromEntries(Object.entries(expected).map(([at, code]) => [at.slice(2), code]))
    t.strictSame(faultsOf(result.problem), local)
  }
  await unchanged(t, [id], before)
  for (const body of [{}, { id }, 'x', 5, true, { results: [] }]) {
    const answer = await update(body)
    t.strictSame([answer.status, faultsOf(answer.body)], [400, { '': 'not_a_list' }], JSON.stringify(body))
  }
  for (const body of [undefined, null]) t.equal((await update(body)).status, 400, `${body}`)
  t.equal(
    (
      await request('PATCH', '/admin/users/', {
        key: root.key,
        rawBody: '[',
        headers: { 'content-type': 'application/json' },
      })
    ).body.code,
    'parse_error',
  )
  for (const query of ['?atomic=no', '?atomic=', '?atomic=0', '?atom=false', '?atomic=false&atomic=true'])
    t.equal((await update([], { query })).status, 400, query)
})

t.test('an id past all numbers is one fault', async (t) => {
  for (const id of [2 ** 53, 1e300]) {
    const { status, body } = await update([{ id, first_name: 'X' }])
    t.equal(status, 400)
    t.strictSame(
      body.errors.map(({ code }: any) => code),
      ['does_not_exist'],
      `${id}`,
    )
  }
})

t.test('unknown users', async (t) => {
  const [id] = (await makeUsers(1)) as [number]
  const before = await snapshot([id])
  const { status, body } = await update([
    { id, first_name: 'Changed' },
    { id: NOWHERE, first_name: 'X' },
  ])
  t.strictSame([status, body.code, faultsOf(body)], [404, 'not_found', { '/1': 'not_found' }])
  await unchanged(t, [id], before)
  const each = await updateEach([
    { id: NOWHERE, first_name: 'X' },
    { id, first_name: 'Changed' },
  ])
  t.strictSame(
    each.body.results.map(({ status }: any) => status),
    [404, 200],
  )
  t.equal((await read(id)).first_name, 'Changed')
})

t.test('each for itself: what can be done is done', async (t) => {
  const ids = await makeUsers(5)
  const { status, body } = await updateEach([
    { id: ids[0], first_name: 'A' },
    { id: ids[1], email: 'nowhere' },
    { id: ids[2], username: 'root' },
    null,
    { id: NOWHERE },
    { id: ids[3], is_active: false },
    { id: ids[4] },
  ])
  t.equal(status, 207)
  t.strictSame(
    body.results.map(({ id, status, problem }: any) => [id, status, problem?.code, problem?.status]),
    [
      [ids[0], 200, undefined, undefined],
      [ids[1], 400, 'invalid', 400],
      [ids[2], 400, 'invalid', 400],
      [undefined, 400, 'invalid', 400],
      [NOWHERE, 404, 'not_found', 404],
      [ids[3], 200, undefined, undefined],
      [ids[4], 200, undefined, undefined],
    ],
  )
  for (const { user, problem } of body.results)
    t.ok((user === undefined) !== (problem === undefined), 'one or the other')
  t.strictSame(faultsOf(body.results[1].problem), { '/email': 'invalid' }, 'pointers are those of the item')
  t.match(body.results[1].problem, {
    type: '/admin/problems/#invalid',
    email: ['Enter a valid email address.'],
  })
  t.strictSame(body.results[0].user, await read(ids[0]!))
  t.strictSame([(await read(ids[0]!)).first_name, (await read(ids[3]!)).is_active], ['A', false])
  t.strictSame((await updateEach([])).body, { results: [] })
})

t.test('unknown fields are dropped where the caller prefers that', async (t) => {
  const [id] = await makeUsers(1)
  const { status, body, headers } = await update([{ id, colour: 'blue', first_name: 'X' }], {
    headers: { prefer: 'handling=lenient' },
  })
  t.strictSame([status, body.results[0].user.first_name], [200, 'X'])
  t.equal(headers['preference-applied'], 'handling=lenient')
  t.equal(headers['dropped-fields'], '"/0/colour"')
})
