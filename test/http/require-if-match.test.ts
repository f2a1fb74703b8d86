/** REQUIRE_IF_MATCH: which changes want to say what they have seen (428, RFC 6585). */
import t from 'tap'
import { type Answer, type RequestOptions, startService } from '../helpers/service.js'

const settings = { PASSWORD_HASHER: 'pbkdf2_sha256', PBKDF2_ITERATIONS: '1' } as const
const never = await startService(t, { ...settings, REQUIRE_IF_MATCH: 'never' })
const privileged = await startService(t, { ...settings, REQUIRE_IF_MATCH: 'privileged' }, never.database)
const always = await startService(t, { ...settings, REQUIRE_IF_MATCH: 'always' }, never.database)
const unset = await startService(t, settings, never.database)
const { makeUser, makeGroup, makePermission, makeCaller, pool } = never
const { key } = await makeCaller({ username: 'root' })

const JSON_PATCH = 'application/json-patch+json'
const MASK = '!'

type When = 'never' | 'privileged' | 'always'

/** A request, and from which setting on it wants If-Match. `$u` is a user, `$g` a group, `$p` a permission. */
interface Case {
  from: When
  method: string
  path: string
  body?: unknown
  /** A JSON Patch. */
  operations?: object[]
}

const patch = (from: When, body: object): Case => ({ from, method: 'PATCH', path: 'users/$u/', body })
const operations = (from: When, ...operations: object[]): Case => ({
  from,
  method: 'PATCH',
  path: 'users/$u/',
  operations,
})

const CASES: Case[] = [
  patch('always', {}),
  patch('always', { first_name: 'x' }),
  patch('always', { username: 'renamed-$u', last_name: 'x', email: '', date_joined: '2020-01-01T00:00:00Z' }),
  patch('always', { last_login: null }),
  patch('privileged', { is_staff: true }),
  patch('privileged', { is_superuser: false }),
  patch('privileged', { is_active: false }),
  patch('privileged', { groups: [] }),
  patch('privileged', { user_permissions: [] }),
  patch('privileged', { password: 'secret' }),
  // What is sent counts, and not what would change: the same request is always treated in the same way.
  patch('privileged', { password: MASK, first_name: 'x' }),
  { from: 'privileged', method: 'PUT', path: 'users/$u/', body: { username: 'put-$u', password: MASK } },
  operations('always', { op: 'replace', path: '/first_name', value: 'x' }),
  operations('privileged', { op: 'add', path: '/groups/-', value: '$g' }),
  operations('privileged', { op: 'replace', path: '/is_staff', value: true }),
  operations('privileged', { op: 'replace', path: '/password', value: 'x' }),
  // An index means something in one state alone.
  operations('never', { op: 'remove', path: '/groups/0' }),
  operations('never', { op: 'test', path: '/groups/0', value: '$g' }),
  { from: 'privileged', method: 'PUT', path: 'users/$u/groups/$g/' },
  { from: 'privileged', method: 'DELETE', path: 'users/$u/groups/$g/' },
  { from: 'privileged', method: 'PUT', path: 'users/$u/permissions/$p/' },
  { from: 'privileged', method: 'DELETE', path: 'users/$u/permissions/auth.view_user/' },
  { from: 'privileged', method: 'DELETE', path: 'users/$u/' },
  { from: 'always', method: 'PATCH', path: 'groups/$g/', body: { name: 'renamed-$g' } },
  { from: 'privileged', method: 'PATCH', path: 'groups/$g/', body: { permissions: [] } },
  { from: 'privileged', method: 'PUT', path: 'groups/$g/', body: { name: 'put-$g' } },
  { from: 'privileged', method: 'DELETE', path: 'groups/$g/' },
  {
    from: 'never',
    method: 'PATCH',
    path: 'groups/$g/',
    operations: [{ op: 'remove', path: '/permissions/0' }],
  },
]

/** The request of a case, on a user and a group that nothing else uses. */
async function made({
  path,
  body,
  operations,
}: Case): Promise<{ path: string; read: string; options: RequestOptions }> {
  const permission = await makePermission()
  const group = await makeGroup([permission])
  const user = await makeUser({ groups: [group], password: '!' })
  const filled = (text: string) =>
    text
      .replaceAll('"$g"', String(group))
      .replaceAll('$u', String(user))
      .replaceAll('$g', String(group))
      .replaceAll('$p', String(permission))
  const sent = operations ?? body
  const options: RequestOptions =
    sent === undefined
      ? {}
      : {
          rawBody: filled(JSON.stringify(sent)),
          headers: { 'content-type': operations === undefined ? 'application/json' : JSON_PATCH },
        }
  return {
    path: `/admin/${filled(path)}`,
    read: `/admin/${path.startsWith('groups') ? `groups/${group}` : `users/${user}`}/`,
    options,
  }
}

const ORDER: When[] = ['never', 'privileged', 'always']

const count = async () =>
  (await pool.query('select count(*)::int as n from user_admin.audit_event')).rows[0].n

for (const [name, service] of Object.entries({ never, unset, privileged, always })) {
  const setting = name === 'unset' ? 'never' : (name as When)
  t.test(`REQUIRE_IF_MATCH=${name}`, async (t) => {
    for (const wanted of CASES) {
      const { method } = wanted
      const { path, read, options } = await made(wanted)
      const what = `${method} ${wanted.path} ${JSON.stringify(wanted.operations ?? wanted.body ?? '')}`
      const send = (headers = {}): Promise<Answer> =>
        service.request(method, path, { key, ...options, headers: { ...options.headers, ...headers } })
      const etag = async () => (await service.request('GET', read, { key })).headers.etag!
      const [before, events] = [await etag(), await count()]
      if (ORDER.indexOf(setting) >= ORDER.indexOf(wanted.from)) {
        // `*` takes any state on purpose; a place in a set means something in one alone.
        const anyState = wanted.from === 'never' ? [{ 'if-match': '*' }] : []
        for (const headers of [{}, ...anyState, { 'if-none-match': '"x"' }, { 'if-none-match': '*' }]) {
          const { status, body } = await send(headers)
          t.strictSame(
            [status, body.code],
            [428, 'precondition_required'],
            `${what} ${JSON.stringify(headers)}`,
          )
        }
        t.strictSame([await etag(), await count()], [before, events], 'nothing is written or recorded')
        t.equal((await send({ 'if-match': '"x"' })).status, 412, `${what}, with another tag`)
        t.match(
          (await send({ 'if-match': before })).status,
          /^20[04]$/,
          `${what}, with the tag that was read`,
        )
        if (wanted.from !== 'never' && method !== 'DELETE')
          t.match((await send({ 'if-match': '*' })).status, /^20[04]$/, `${what}, with *`)
      } else {
        t.match((await send()).status, /^20[04]$/, `${what} is free`)
      }
    }
  })
}

t.test('of many, each says what it has seen', async (t) => {
  for (const query of ['', '?atomic=false']) {
    const [one, two] = [await makeUser(), await makeUser()]
    const update = (service: typeof never, body: object[]) =>
      service.request('PATCH', `/admin/users/${query}`, { key, body })
    const plain = [
      { id: one, first_name: 'x' },
      { id: two, first_name: 'x' },
    ]
    const mixed = [
      { id: one, last_name: 'x' },
      { id: two, is_staff: true },
    ]
    const statuses = ({ status, body }: Answer) =>
      status === 207 ? body.results.map(({ status }: any) => status) : status
    t.strictSame(statuses(await update(never, mixed)), query === '' ? 200 : [200, 200])
    t.strictSame(statuses(await update(privileged, plain)), query === '' ? 200 : [200, 200])
    t.strictSame(statuses(await update(privileged, mixed)), query === '' ? 428 : [200, 428])
    const refused = await update(always, plain)
    t.strictSame(statuses(refused), query === '' ? 428 : [428, 428])
    if (query === '')
      t.strictSame(
        refused.body.errors.map(({ pointer }: any) => pointer),
        ['/0', '/1'],
        'each is named',
      )
    const tags = await Promise.all(
      [one, two].map(async (id) => (await never.request('GET', `/admin/users/${id}/`, { key })).headers.etag),
    )
    t.strictSame(
      statuses(
        await update(
          always,
          plain.map((item, index) => ({ ...item, if_match: tags[index] })),
        ),
      ),
      query === '' ? 200 : [200, 200],
    )
  }
})

t.test('reads and creations want nothing', async (t) => {
  const [user, group] = [await makeUser(), await makeGroup()]
  for (const path of [`users/${user}/`, `groups/${group}/`, 'users/', 'me/'])
    t.equal((await always.request('GET', `/admin/${path}`, { key })).status, 200, path)
  const bodies = {
    users: { username: 'made', password: 'x', is_staff: true },
    groups: { name: 'made', permissions: [] },
  }
  for (const [path, body] of Object.entries(bodies))
    t.equal((await always.request('POST', `/admin/${path}/`, { key, body })).status, 201, path)
})

t.test('428 comes after 404, and before what only the database knows', async (t) => {
  const user = await makeUser()
  const send = (method: string, path: string, body?: unknown) =>
    always.request(method, `/admin/${path}`, { key, body })
  t.equal((await send('PATCH', 'users/999999/', {})).status, 404)
  t.equal((await send('DELETE', 'users/999999/')).status, 404)
  t.equal((await send('PUT', `users/${user}/groups/999999/`)).status, 404)
  t.equal((await send('PATCH', `users/${user}/`, { email: 'x' })).status, 400)
  t.equal((await send('PATCH', `users/${user}/`, { groups: [999_999] })).status, 428)
  t.equal((await send('PATCH', `users/${user}/?dry_run=true`, {})).status, 428, 'a dry run as well')
})
