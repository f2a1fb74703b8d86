/** Dry runs that are refused: as the real request would be. */
import t, { type Test } from 'tap'
import { createDatabase } from '../helpers/database.js'
import { everything } from '../helpers/everything.js'
import { faultsOf, permissionName } from '../helpers/observe.js'
import { type Answer, type RequestOptions, startService } from '../helpers/service.js'
import { addToken, createTokenTable } from '../helpers/tokens.js'
import { untilLocksAreAwaited } from '../helpers/until.js'
const MEDIA_TYPE = /^application\/vnd\.user-admin\.dry-run\+json\b/
const NOWHERE = 999_999

const settings = { PASSWORD_HASHER: 'pbkdf2_sha256', PBKDF2_ITERATIONS: '1' } as const
const database = await createDatabase(t)
await createTokenTable(database.pool)
const service = await startService(t, settings, database)
const { request, makeUser, makeGroup, makePermission, makeCaller, makeKey, findPermission, pool } = service
const { key, id: rootId } = await makeCaller({ username: 'root' })

const send = (method: string, path: string, options: RequestOptions = {}) =>
  request(method, `/admin/${path}`, { key, ...options })
const dry = async (method: string, path: string, options: RequestOptions = {}) => {
  const answer = await send(method, `${path}${path.includes('?') ? '&' : '?'}dry_run=true`, options)
  // Of a type of its own, which the helper does not read.
  return MEDIA_TYPE.test(answer.headers['content-type'] ?? '')
    ? { ...answer, body: JSON.parse(answer.text) }
    : answer
}
const jsonPatch = (...operations: object[]): RequestOptions => ({
  rawBody: JSON.stringify(operations),
  headers: { 'content-type': 'application/json-patch+json' },
})
/** Someone with keys, a token, and permissions of their own and of a group. */
async function makeRich(fields = {}) {
  const [own, conferred, other] = [await makePermission(), await makePermission(), await makePermission()]
  const [group, second] = [await makeGroup([conferred, own]), await makeGroup([other, own])]
  const id = await makeUser({
    groups: [group],
    user_permissions: [own],
    password: 'pbkdf2_sha256$1$salt$aGFzaA==',
    ...fields,
  })
  await Promise.all([makeKey(id), makeKey(id), addToken(pool, id)])
  const names = await Promise.all(
    [own, conferred, other].map((permission) => permissionName(pool, permission)),
  )
  return { id, path: `users/${id}/`, own, group, second, other, names: names as [string, string, string] }
}

t.test('the same rights, and the same refusals', async (t) => {
  const rich = await makeRich()
  const { id, path, group, other } = rich
  const username = (await send('GET', `users/${rootId}/`)).body.username
  const limited = await makeCaller({
    is_superuser: false,
    user_permissions: [await findPermission('change_user')],
  })
  const reader = await makeCaller({
    is_superuser: false,
    user_permissions: [await findPermission('view_user')],
  })
  const stale = { headers: { 'if-match': '"x"' } }
  const cases: [number, string, string, RequestOptions][] = [
    [401, 'PATCH', path, { key: undefined, body: {} }],
    [403, 'PATCH', path, { key: reader.key, body: {} }],
    [415, 'PATCH', path, { rawBody: 'x', headers: { 'content-type': 'text/plain' } }],
    [400, 'PATCH', path, { body: { email: 'x', is_staff: 'yes' } }],
    [400, 'PATCH', path, { body: { groups: [NOWHERE], user_permissions: [NOWHERE], username } }],
    [400, 'PATCH', path, { body: { password: 'argon2$********' } }],
    [400, 'PATCH', `${path}?revoke=everything`, { body: {} }],
    [400, 'PATCH', path, { body: {}, headers: { 'if-match': 'x' } }],
    [404, 'PATCH', `users/${NOWHERE}/`, { body: {} }],
    [404, 'PUT', `${path}groups/${NOWHERE}/`, {}],
    [404, 'PUT', `users/${NOWHERE}/permissions/${other}/`, {}],
    [412, 'PATCH', path, { body: {}, ...stale }],
    [412, 'PUT', path, { body: { username: 'x', password: 'x' }, ...stale }],
    [412, 'DELETE', `${path}groups/${group}/`, stale],
    [428, 'PATCH', path, jsonPatch({ op: 'remove', path: '/groups/0' })],
    [409, 'PATCH', path, jsonPatch({ op: 'test', path: '/first_name', value: 'x' })],
    [403, 'PATCH', path, { key: limited.key, body: { password: 'x', email: '' } }],
    [403, 'PATCH', path, { key: limited.key, body: { user_permissions: [other] } }],
    [403, 'PATCH', `${path}?revoke=keys`, { key: limited.key, body: {} }],
    [403, 'PUT', `${path}permissions/${other}/`, { key: limited.key }],
    [403, 'PATCH', `users/${limited.id}/`, { key: limited.key, body: { is_staff: false } }],
  ]
  for (const [status, method, where, options] of cases) {
    const what = `${status} ${method} ${where} ${JSON.stringify(options.body ?? options.rawBody ?? '')}`
    const { 'user_admin.audit_event': eventsBefore, ...before } = await everything(pool)
    const told = await dry(method, where, options)
    const { 'user_admin.audit_event': events, ...after } = await everything(pool)
    t.strictSame(after, before, `${what}: nothing is written`)
    const recorded = events.length - eventsBefore.length
    const isRule = status === 403 && options.key === limited.key
    t.equal(recorded, isRule ? 1 : 0, `${what}: recorded as the real one`)
    const real = await send(method, where, options)
    const shown = ({ status, headers, body }: Answer) => [status, headers.etag, { ...body, request_id: '' }]
    t.strictSame(shown(told), shown(real), what)
    t.equal(told.status, status, what)
  }
  const { rows } = await pool.query(
    "select outcome, changes from user_admin.audit_event where action = 'user.update' and target_id = $1",
    [id],
  )
  t.ok(rows.length > 0 && rows.every(({ outcome }) => outcome === 'refused'))

  const alone = await startService(t, settings)
  const last = await alone.makeCaller()
  const { status, body } = await alone.request('PATCH', `/admin/users/${last.id}/?dry_run=true`, {
    key: last.key,
    body: { is_active: false },
  })
  t.strictSame([status, body.code], [409, 'last_superuser'])
  t.equal((await alone.request('GET', '/admin/me/', { key: last.key })).status, 200, 'and nothing came of it')
})

t.test('REQUIRE_IF_MATCH', async (t) => {
  const strict = await startService(t, { ...settings, REQUIRE_IF_MATCH: 'always' }, database)
  const { path } = await makeRich()
  const { status } = await strict.request('PATCH', `/admin/${path}?dry_run=true`, { key, body: {} })
  t.equal(status, 428)
})

t.test('what the database alone refuses is told as the real request tells it', async (t) => {
  // Directories often have rules of their own, such as one address a user.
  const own = await startService(t, settings)
  const root = await own.makeCaller()
  await own.pool.query('create unique index on auth_user (email)')
  const [id, other] = [
    await own.makeUser({ email: 'one@example.com' }),
    await own.makeUser({ email: 'two@example.com' }),
  ]
  const ask = (query: string) =>
    own.request('PATCH', `/admin/users/${id}/${query}`, { key: root.key, body: { email: 'two@example.com' } })
  const [real, told] = [await ask(''), await ask('?dry_run=true')]
  t.strictSame(
    [told.status, told.body?.code, faultsOf(told.body ?? {})],
    [real.status, real.body?.code, faultsOf(real.body ?? {})],
    'unique',
  )
  t.equal(real.status, 400)
  await own.pool.query("alter table auth_user add check (last_name <> 'Forbidden')")
  const check = (query: string) =>
    own.request('PATCH', `/admin/users/${other}/${query}`, {
      key: root.key,
      body: { last_name: 'Forbidden' },
    })
  const [realCheck, toldCheck] = [await check(''), await check('?dry_run=true')]
  t.equal(toldCheck.status, realCheck.status, 'a check')
  t.equal((await own.request('GET', '/admin/me/', { key: root.key })).status, 200, 'the service lives')
})

t.test('a name that is taken while the dry run waits', async (t: Test) => {
  const { path } = await makeRich()
  const taker = await makeUser()
  const client = await pool.connect()
  await client.query('begin')
  await client.query("update auth_user set username = 'contested' where id = $1", [taker])
  const told = dry('PATCH', path, { body: { username: 'contested' } })
  await untilLocksAreAwaited(pool)
  await client.query('commit')
  client.release()
  const { status, body } = await told
  t.strictSame([status, faultsOf(body)], [400, { '/username': 'unique' }])
})
