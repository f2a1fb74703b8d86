/** Dry runs: everything is done and taken back, and what is told is what the real request then does. */
import t from 'tap'
import { createDatabase } from '../helpers/database.js'
import { everything } from '../helpers/everything.js'
import { permissionName } from '../helpers/observe.js'
import { type RequestOptions, startService } from '../helpers/service.js'
import { addToken, createTokenTable } from '../helpers/tokens.js'
const MEDIA_TYPE = /^application\/vnd\.user-admin\.dry-run\+json\b/

const settings = { PASSWORD_HASHER: 'pbkdf2_sha256', PBKDF2_ITERATIONS: '1' } as const
const database = await createDatabase(t)
await createTokenTable(database.pool)
const service = await startService(t, settings, database)
const { request, makeUser, makeGroup, makePermission, makeCaller, makeKey, pool } = service
const { key } = await makeCaller({ username: 'root' })

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

const NO_EFFECTS = {
  sessions_end: false,
  permissions_gained: [],
  permissions_lost: [],
  api_keys_revoked: 0,
  tokens_revoked: 0,
}

t.test('what is told is what the real request does, and nothing is written before', async (t) => {
  type Rich = Awaited<ReturnType<typeof makeRich>>
  const cases: [string, (rich: Rich) => [string, string, RequestOptions], (rich: Rich) => object][] = [
    ['nothing', ({ path }) => ['PATCH', path, { body: {} }], () => ({})],
    [
      'texts',
      ({ path }) => ['PATCH', path, { body: { first_name: ' New ', email: 'A@EXAMPLE.com' } }],
      () => ({}),
    ],
    [
      'a login',
      ({ path }) => ['PATCH', path, { body: { last_login: '2024-02-29T08:30:00.000001Z' } }],
      () => ({}),
    ],
    [
      'a password',
      ({ path }) => ['PATCH', path, { body: { password: 'another' } }],
      () => ({ sessions_end: true }),
    ],
    [
      'with revoke',
      ({ path }) => ['PATCH', `${path}?revoke=keys`, { body: { password: 'another' } }],
      () => ({ sessions_end: true, api_keys_revoked: 2 }),
    ],
    [
      'revoke alone',
      ({ path }) => ['PATCH', `${path}?revoke=tokens,keys`, { body: {} }],
      () => ({ api_keys_revoked: 2, tokens_revoked: 1 }),
    ],
    ['the mask', ({ path }) => ['PATCH', path, { body: { password: 'pbkdf2_sha256$********' } }], () => ({})],
    [
      'a deactivation',
      ({ path }) => ['PATCH', path, { body: { is_active: false } }],
      ({ names: [own, conferred] }) => ({
        sessions_end: true,
        permissions_lost: [own, conferred].toSorted(),
        api_keys_revoked: 2,
        tokens_revoked: 1,
      }),
    ],
    ['is staff', ({ path }) => ['PATCH', path, { body: { is_staff: true } }], () => ({})],
    [
      'groups',
      ({ path, second }) => ['PATCH', path, { body: { groups: [second] } }],
      ({ names: [, conferred, other] }) => ({ permissions_gained: [other], permissions_lost: [conferred] }),
    ],
    ['no permissions', ({ path }) => ['PATCH', path, { body: { user_permissions: [] } }], () => ({})],
    [
      'both sets',
      ({ path }) => ['PATCH', path, { body: { user_permissions: [], groups: [] } }],
      ({ names: [own, conferred] }) => ({ permissions_lost: [own, conferred].toSorted() }),
    ],
    [
      'JSON Patch',
      ({ path, second }) => [
        'PATCH',
        path,
        jsonPatch(
          { op: 'add', path: '/groups/-', value: second },
          { op: 'replace', path: '/last_name', value: 'Patched' },
        ),
      ],
      ({ names: [, , other] }) => ({ permissions_gained: [other] }),
    ],
    [
      'PUT',
      ({ path, id, other }) => [
        'PUT',
        path,
        { body: { username: `put-${id}`, password: 'x', user_permissions: [other] } },
      ],
      ({ names: [own, conferred, other] }) => ({
        sessions_end: true,
        permissions_gained: [other],
        permissions_lost: [own, conferred].toSorted(),
      }),
    ],
    [
      'a group given',
      ({ path, second }) => ['PUT', `${path}groups/${second}/`, {}],
      ({ names: [, , other] }) => ({ permissions_gained: [other] }),
    ],
    [
      'a group taken',
      ({ path, group }) => ['DELETE', `${path}groups/${group}/`, {}],
      ({ names: [, conferred] }) => ({ permissions_lost: [conferred] }),
    ],
    ['a group held', ({ path, group }) => ['PUT', `${path}groups/${group}/`, {}], () => ({})],
    [
      'a permission given',
      ({ path, other }) => ['PUT', `${path}permissions/${other}/`, {}],
      ({ names: [, , other] }) => ({ permissions_gained: [other] }),
    ],
    ['a permission taken', ({ path, own }) => ['DELETE', `${path}permissions/${own}/`, {}], () => ({})],
  ]
  for (const [what, requestOf, effects] of cases) {
    const rich = await makeRich()
    const read = await send('GET', rich.path)
    const asked = requestOf(rich)
    const before = await everything(pool)
    const told = await dry(...asked)
    t.strictSame(await everything(pool), before, `${what}: nothing is written`)
    t.equal(told.status, 200, what)
    t.match(told.headers['content-type'], MEDIA_TYPE)
    t.equal(told.headers.etag, read.headers.etag, 'the tag is the current one')
    t.strictSame(told.body.side_effects, { ...NO_EFFECTS, ...effects(rich) }, what)
    t.notMatch(told.text, /aGFzaA|\$salt\$/, 'no hash is told')

    const [method, path, options] = asked
    const done = await send(method, path, {
      ...options,
      headers: { ...options.headers, 'if-match': told.headers.etag },
    })
    t.match(done.status, /^20[04]$/, `${what}: the tag that was told holds`)
    const now = (await send('GET', rich.path)).body
    t.strictSame(told.body.user, now, `${what}: as it then is`)
    const changed = Object.keys(now).filter(
      (field) =>
        JSON.stringify(now[field]) !== JSON.stringify(read.body[field]) ||
        (field === 'password' && ['a password', 'with revoke', 'PUT'].includes(what)),
    )
    t.strictSame(
      told.body.changes,
      Object.fromEntries(changed.map((field) => [field, [read.body[field], now[field]]])),
      what,
    )
    const ended = await pool.query(
      'select count(*)::int as n from user_admin.api_key where user_id = $1 and revoked_at is not null',
      [rich.id],
    )
    const tokens = await pool.query('select 1 - count(*)::int as n from authtoken_token where user_id = $1', [
      rich.id,
    ])
    t.strictSame(
      [ended.rows[0].n, tokens.rows[0].n],
      [told.body.side_effects.api_keys_revoked, told.body.side_effects.tokens_revoked],
      `${what}: as many end`,
    )
  }
})

t.test('superusers and inactive users: every permission, or none', async (t) => {
  const all = (
    await pool.query(
      `select c.app_label || '.' || p.codename as name from auth_permission p join django_content_type c on c.id = p.content_type_id`,
    )
  ).rows.map(({ name }) => name)
  const effectsOf = async (fields: object, body: object) => {
    const { path, names } = await makeRich(fields)
    const { side_effects } = (await dry('PATCH', path, { body })).body
    return { ...side_effects, names }
  }
  const rest = (names: string[]) => all.length - names.length
  const promoted = await effectsOf({}, { is_superuser: true })
  // Three more came with whom it is made for.
  t.strictSame(
    [promoted.permissions_gained.length - 3, promoted.permissions_lost, promoted.sessions_end],
    [all.length - 2, [], false],
    'promoted',
  )
  t.notOk(promoted.permissions_gained.includes(promoted.names[0]), 'but not what was held')
  const demoted = await effectsOf({ is_superuser: true }, { is_superuser: false })
  t.ok(demoted.permissions_lost.length > rest(demoted.names), 'demoted')
  const asleep = await effectsOf({ is_superuser: true, is_active: false }, { is_superuser: false })
  t.match(asleep, NO_EFFECTS, 'an inactive superuser holds nothing')
  const woken = await effectsOf({ is_active: false }, { is_active: true })
  t.match(woken, { ...NO_EFFECTS, permissions_gained: woken.names.slice(0, 2).toSorted() }, 'activated')
})

t.test('a dry run is never kept for an Idempotency-Key', async (t) => {
  const { path } = await makeRich()
  const headers = { 'idempotency-key': '"dry"' }
  t.equal((await dry('PATCH', path, { body: { first_name: 'Once' }, headers })).status, 200)
  const real = await send('PATCH', path, { body: { first_name: 'Once' }, headers })
  t.strictSame(
    [real.status, real.body.first_name, real.headers['idempotent-replayed']],
    [200, 'Once', undefined],
  )
})

t.test('the parameter', async (t) => {
  const { path, id, group } = await makeRich()
  const body = { username: 'made', password: 'x' }
  const others: [string, string, unknown?][] = [
    ['POST', 'users/', body],
    ['PATCH', 'users/', [{ id, first_name: 'x' }]],
    ['DELETE', path],
    ['GET', path],
    ['POST', 'groups/', { name: 'made', permissions: [] }],
    ['PATCH', `groups/${group}/`, { name: 'x' }],
    ['PUT', `groups/${group}/`, { name: 'x' }],
    ['DELETE', `groups/${group}/`],
  ]
  const before = await everything(pool)
  for (const [method, where, body] of others) {
    const { status } = await dry(method, where, { body })
    t.equal(status, 400, `${method} ${where} has no dry run, and so does nothing`)
  }
  for (const value of ['', '1', 'True', 'yes', 'true&dry_run=true', 'TRUE'])
    t.equal(
      (await send('PATCH', `${path}?dry_run=${value}`, { body: { first_name: 'x' } })).status,
      400,
      value,
    )
  t.strictSame(await everything(pool), before, 'nothing is written')
  const real = await send('PATCH', `${path}?dry_run=false`, { body: { first_name: 'Real' } })
  t.strictSame([real.status, (await send('GET', path)).body.first_name], [200, 'Real'], 'false is no dry run')
})
