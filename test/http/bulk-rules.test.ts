/** Many users in one PATCH: who may change whom, how many at once, and what meets meanwhile. */
import t, { type Test } from 'tap'
import { MAX_BULK_PASSWORDS, MAX_BULK_SIZE } from '../../schemas/index.js'
import { faultsOf } from '../helpers/observe.js'
import { startService } from '../helpers/service.js'
import { untilLocksAreAwaited } from '../helpers/until.js'
import { stored } from '../properties/stored.js'

const settings = { PASSWORD_HASHER: 'pbkdf2_sha256', PBKDF2_ITERATIONS: '1' } as const
const service = await startService(t, settings)
const { request, makeUser, makeGroup, makePermission, makeCaller, findPermission, pool } = service
const root = await makeCaller({ username: 'root' })
const NOWHERE = 999_999

const update = (body: unknown, { key = root.key, query = '', headers = {} } = {}) =>
  request('PATCH', `/admin/users/${query}`, { key, body, headers })
const updateEach = (body: unknown, key = root.key) => update(body, { key, query: '?atomic=false' })
const read = async (id: number) => (await request('GET', `/admin/users/${id}/`, { key: root.key })).body

const makeUsers = (count: number, fields = {}) =>
  Promise.all(Array.from({ length: count }, () => makeUser(fields)))

const snapshot = (ids: number[]) => Promise.all(ids.map((id) => stored(pool, id)))

/** Nothing of these users is written, but perhaps events. */
async function unchanged(t: Test, ids: number[], before: Record<string, unknown>[]) {
  const strip = (states: Record<string, unknown>[]) => states.map((state) => ({ ...state, events: 0 }))
  t.strictSame(strip(await snapshot(ids)), strip(before), 'nothing is written')
}

async function refusalsOf(id: number) {
  const { rows } = await pool.query(
    `select actor_id::int as actor, changes->'fields' as fields, changes->>'code' as code from user_admin.audit_event
     where target_id = $1 and outcome = 'refused' order by id`,
    [id],
  )
  return rows
}

t.test('a user is named once', async (t) => {
  const [one, two] = (await makeUsers(2)) as [number, number]
  const before = await snapshot([one, two])
  const items = [{ id: one, first_name: 'A' }, { id: two }, { id: one, first_name: 'B' }, { id: two }]
  for (const query of ['', '?atomic=false']) {
    const { status, body } = await update(items, { query })
    t.strictSame([status, faultsOf(body)], [400, { '/2/id': 'duplicate', '/3/id': 'duplicate' }])
  }
  await unchanged(t, [one, two], before)
})

t.test('no more than a thousand, and few of them with a password', async (t) => {
  const ids = await makeUsers(MAX_BULK_PASSWORDS + 1)
  const before = await snapshot(ids)
  const many = Array.from({ length: MAX_BULK_SIZE }, (_, index) => ({ id: NOWHERE + index }))
  t.equal((await update(many)).status, 404, 'a thousand are looked at')
  const more = await update([...many, { id: 1 }])
  t.strictSame([more.status, faultsOf(more.body)], [400, { '': 'max_items' }])
  const nulls = await update(Array.from({ length: 100_000 }, () => null))
  t.strictSame(
    [nulls.status, faultsOf(nulls.body)],
    [400, { '': 'max_items' }],
    'and not at all where there are more',
  )
  for (const query of ['', '?atomic=false']) {
    const answer = await update(
      ids.map((id) => ({ id, password: 'secret' })),
      { query },
    )
    t.strictSame([answer.status, faultsOf(answer.body)], [400, { '': 'max_passwords' }])
  }
  await unchanged(t, ids, before)
  const masks = await update(ids.map((id) => ({ id, password: '!' })))
  t.equal(masks.status, 200, 'masks are no passwords')
  const allowed = await update(ids.slice(1).map((id) => ({ id, password: 'secret' })))
  t.equal(allowed.status, 200)
  const { rows } = await pool.query(
    "select count(distinct password)::int as n from auth_user where id = any($1) and password like 'pbkdf2%'",
    [ids],
  )
  t.equal(rows[0].n, MAX_BULK_PASSWORDS, 'each with a salt of its own')
  const large = await makeUsers(300)
  const text = 'x'.repeat(30)
  const done = await update(large.map((id) => ({ id, first_name: text })))
  t.strictSame([done.status, done.body.results.length], [200, 300])
  const huge = await request('PATCH', '/admin/users/', {
    key: root.key,
    rawBody: `[${' '.repeat(2_097_152)}]`,
    headers: { 'content-type': 'application/json' },
  })
  t.strictSame([huge.status, huge.body.code], [413, 'payload_too_large'])
})

t.test('the rules against escalation, item by item', async (t) => {
  const [change, held, other] = [
    await findPermission('change_user'),
    await makePermission(),
    await makePermission(),
  ]
  const caller = await makeCaller({ is_superuser: false, user_permissions: [change, held] })
  const [plain, mighty, superuser] = [
    await makeUser(),
    await makeUser({ user_permissions: [other] }),
    await makeUser({ is_superuser: true }),
  ]
  const ids = [plain, mighty, superuser, caller.id]
  const items = [
    { id: plain, user_permissions: [held] },
    { id: mighty, email: 'taken@example.com', first_name: 'X' },
    { id: superuser, first_name: 'X' },
    { id: caller.id, is_staff: false },
  ]
  const before = await snapshot(ids)
  const { status, body } = await update(items, { key: caller.key })
  t.strictSame([status, body.code], [403, 'permission_denied'])
  t.strictSame(faultsOf(body), {
    '/1/email': 'permission_denied',
    '/2/first_name': 'permission_denied',
    '/3/is_staff': 'permission_denied',
  })
  t.equal(body.missing_permissions.length, 1)
  await unchanged(t, ids, before)
  for (const id of ids.slice(1)) t.equal((await refusalsOf(id)).length, 1, 'each refusal is recorded')
  t.equal(
    (await stored(pool, plain)).events,
    before[0]!.events,
    'and what was not applied is not recorded as such',
  )

  const each = await updateEach(items, caller.key)
  t.strictSame(
    each.body.results.map(({ status }: any) => status),
    [200, 403, 403, 403],
  )
  t.strictSame((await read(plain)).user_permissions, [held])
  t.strictSame(each.body.results[1].problem.missing_permissions, body.missing_permissions)
  await unchanged(t, ids.slice(1), before.slice(1))
  for (const id of ids.slice(1)) t.equal((await refusalsOf(id)).length, 2)

  const reader = await makeCaller({
    is_superuser: false,
    user_permissions: [await findPermission('view_user')],
  })
  t.equal((await update([], { key: reader.key })).status, 403)
  t.equal((await request('PATCH', '/admin/users/', { body: [] })).status, 401)
})

t.test('one active superuser stays, whoever is named in which order', async (t) => {
  const service = await startService(t, settings)
  const { id, key } = await service.makeCaller()
  const other = await service.makeUser({ is_superuser: true })
  const items = [
    { id, is_superuser: false },
    { id: other, is_active: false },
  ]
  const both = await service.request('PATCH', '/admin/users/', { key, body: items })
  t.strictSame([both.status, both.body.code], [409, 'last_superuser'])
  const { rows } = await service.pool.query('select from auth_user where is_superuser and is_active')
  t.equal(rows.length, 2, 'neither is changed')
  const each = await service.request('PATCH', '/admin/users/?atomic=false', { key, body: items.toReversed() })
  t.strictSame(each.body.results.map(({ status }: any) => status).toSorted(), [200, 409])
})

t.test('a name that somebody else takes meanwhile is refused at its place', async (t) => {
  const [one, two] = (await makeUsers(2)) as [number, number]
  const before = await snapshot([one, two])
  const client = await pool.connect()
  await client.query('begin')
  await client.query('update auth_user set username = $1 where id = $2', ['meanwhile', await makeUser()])
  const answered = update([
    { id: one, first_name: 'X' },
    { id: two, username: 'meanwhile' },
  ])
  await untilLocksAreAwaited(pool)
  await client.query('commit')
  client.release()
  const { status, body } = await answered
  t.equal(status, 400)
  t.strictSame(faultsOf(body), { '/1/username': 'unique' })
  await unchanged(t, [one, two], before)
})

t.test('what a deployment demands of every PATCH, it demands of each item', async (t) => {
  const service = await startService(t, { ...settings, PATCH_REQUIRED: 'username,password' })
  const { key } = await service.makeCaller()
  const id = await service.makeUser({ username: 'ada' })
  const call = (body: unknown, query = '') => service.request('PATCH', `/admin/users/${query}`, { key, body })
  const answer = await call([{ id, first_name: 'X' }])
  t.strictSame(
    [answer.status, faultsOf(answer.body)],
    [400, { '/0/username': 'required', '/0/password': 'required' }],
  )
  const each = await call([{ id, first_name: 'X', username: 'ada' }], '?atomic=false')
  t.strictSame(faultsOf(each.body.results[0].problem), { '/password': 'required' })
  const whole = await call([{ id, first_name: 'X', username: 'ada', password: '!' }])
  t.strictSame([whole.status, whole.body.results[0].user.first_name], [200, 'X'])
})

t.test('bulk updates that meet in other orders all take effect', async (t) => {
  const ids = await makeUsers(20)
  const groups = await Promise.all(Array.from({ length: 6 }, () => makeGroup()))
  const answers = await Promise.all(
    groups.map((group, index) => {
      const order = index % 2 === 0 ? ids : ids.toReversed()
      return update(order.map((id) => ({ id, groups: [group], last_name: `by ${group}` })))
    }),
  )
  t.strictSame(new Set(answers.map(({ status }) => status)), new Set([200]))
  const users = await Promise.all(ids.map(read))
  for (const user of users) t.equal(user.last_name, `by ${user.groups}`, 'none is torn')
})
