/** Who may end what, and when nothing ends. */
import t, { type Test } from 'tap'
import { createDatabase } from '../helpers/database.js'
import { type RequestOptions, startService, type TestService, type UserFixture } from '../helpers/service.js'
import { addToken, createTokenTable } from '../helpers/tokens.js'

const settings = { PASSWORD_HASHER: 'pbkdf2_sha256', PBKDF2_ITERATIONS: '1' } as const
const database = await createDatabase(t)
await createTokenTable(database.pool)
const service = await startService(t, settings, database)
const replica = await startService(t, settings, database)
const { request, makeUser, makeGroup, makePermission, makeCaller, makeKey, findPermission, pool } = service
const root = await makeCaller({ username: 'root' })

const send = (method: string, path: string, options: RequestOptions = {}) =>
  request(method, `/admin/${path}`, { key: root.key, ...options })

/** Staff with two keys and a token, each of which both replicas have seen. */
async function makeHolder(t: Test, fields: Partial<UserFixture> = {}) {
  const id = await makeUser({ is_staff: true, ...fields })
  const keys = [await makeKey(id), await makeKey(id)]
  const token = await addToken(pool, id)
  const credentials = [...keys.map((key) => `Bearer ${key}`), `Token ${token}`]
  /** What each credential is answered by each replica. */
  const statuses = (): Promise<number[]> =>
    Promise.all(
      credentials.flatMap((authorization) =>
        [service, replica].map(
          async ({ request }) => (await request('GET', '/admin/me/', { headers: { authorization } })).status,
        ),
      ),
    )
  t.strictSame(await statuses(), ALL, 'all of them work')
  return { id, path: `users/${id}/`, keys, token, statuses }
}

const ALL = [200, 200, 200, 200, 200, 200]
const NO_TOKEN = [200, 200, 200, 200, 401, 401]
const NONE = [401, 401, 401, 401, 401, 401]

/** What ended with whom, as anyone may read it. */
async function ended(id: number, actions = ['api_key.revoke', 'token.revoke']): Promise<any[]> {
  const lists = await Promise.all(
    actions.map((action) => send('GET', `events/?action=${action}&page_size=1000`)),
  )
  return lists.flatMap(({ body }) => body.results).filter(({ changes }: any) => changes.user?.[0] === id)
}

t.test('who may', async (t) => {
  const [held, other] = [await makePermission(), await makePermission()]
  const rights = [await findPermission('change_user'), held]
  const actor = await makeHolder(t, { user_permissions: rights })
  const [plain, equal, mighty] = [
    await makeHolder(t),
    await makeHolder(t, { user_permissions: [held] }),
    await makeHolder(t, { groups: [await makeGroup([other])] }),
  ]
  const superuser = await makeHolder(t, { is_superuser: true })
  const cases: [typeof plain, number][] = [
    [plain, 200],
    [equal, 200],
    [mighty, 403],
    [superuser, 403],
  ]
  for (const [target, status] of cases) {
    for (const what of ['keys', 'tokens', 'keys,tokens']) {
      const answer = await send('PATCH', `${target.path}?revoke=${what}`, {
        key: actor.keys[0],
        body: { first_name: 'x' },
      })
      t.equal(answer.status, status, `${target.path} ${what}`)
      if (status === 200) continue
      t.ok(
        answer.body.errors.some(({ pointer }: any) => pointer === '/revoke'),
        'it is named',
      )
      if (target === mighty) t.equal(answer.body.missing_permissions.length, 1)
    }
    t.strictSame(await target.statuses(), status === 200 ? NONE : ALL)
  }
  const refused = (await send('GET', `users/${mighty.id}/history/?outcome=refused`)).body.results
  t.strictSame(
    refused.map(({ changes }: any) => changes.fields),
    [['revoke'], ['revoke'], ['revoke']],
    'and recorded',
  )
  // Of many, and by each other way.
  for (const [method, path, body] of [
    ['PATCH', 'users/?revoke=keys', [{ id: mighty.id }]],
    ['PUT', `${mighty.path}?revoke=keys`, { ...(await send('GET', mighty.path)).body }],
    ['PATCH', `${mighty.path}?revoke=tokens`, {}],
  ] as const)
    t.equal((await send(method, path, { key: actor.keys[0], body })).status, 403, `${method} ${path}`)
  t.strictSame(await mighty.statuses(), ALL)
  const own = await send('PATCH', `${actor.path}?revoke=keys,tokens`, { key: actor.keys[0], body: {} })
  t.equal(own.status, 200, "one may end what is one's own")
  t.strictSame(await actor.statuses(), NONE)
})

t.test('a refused update ends nothing', async (t) => {
  const [holder, second] = [await makeHolder(t), await makeHolder(t)]
  const { id, path } = holder
  const both = '?revoke=keys,tokens'
  const cases: [number, string, RequestOptions][] = [
    [400, `${path}${both}`, { body: { email: 'x' } }],
    [400, `${path}${both}`, { body: { groups: [999_999], is_active: false } }],
    [412, `${path}${both}`, { body: { is_active: false }, headers: { 'if-match': '"x"' } }],
    [
      400,
      `users/${both}`,
      {
        body: [
          { id, is_active: false },
          { id: second.id, username: 'root' },
        ],
      },
    ],
    [404, `users/${both}`, { body: [{ id, is_active: false }, { id: 999_999 }] }],
    [412, `users/${both}`, { body: [{ id }, { id: second.id, if_match: '"x"' }] }],
    [200, `${path}${both}&dry_run=true`, { body: { is_active: false } }],
    [400, `${path}?revoke=`, { body: {} }],
    [400, `${path}?revoke=key`, { body: {} }],
    [400, `${path}?revoke=keys,`, { body: {} }],
    [400, `${path}?revoke=keys, tokens`.replace(' ', '%20'), { body: {} }],
    [400, `${path}?revoke=keys&revoke=tokens`, { body: {} }],
    [400, `${path}?revoke=KEYS`, { body: {} }],
    [400, `${path}groups/${await makeGroup()}/${both}`, {}],
  ]
  for (const [status, where, options] of cases) {
    const method = where.includes('groups/') ? 'PUT' : 'PATCH'
    t.equal((await send(method, where, options)).status, status, where)
    t.strictSame([await holder.statuses(), await second.statuses()], [ALL, ALL], where)
  }
  t.strictSame([...(await ended(id)), ...(await ended(second.id))], [])
  const each = await send('PATCH', `users/${both}&atomic=false`, {
    body: [{ id }, { id: second.id, email: 'x' }],
  })
  t.strictSame(
    each.body.results.map(({ status }: any) => status),
    [200, 400],
  )
  t.strictSame([await holder.statuses(), await second.statuses()], [NONE, ALL], 'each for itself')
})

/** A service whose tokens can not be deleted: there are none, or its role may not. */
async function checkKeysAlone(
  t: Test,
  { request, makeUser, makeKey, makeCaller, pool }: TestService,
  table: boolean,
) {
  const { key } = await makeCaller()
  const id = await makeUser({ is_staff: true })
  const own = await makeKey(id)
  const path = `/admin/users/${id}/`
  if (table)
    await pool.query('insert into authtoken_token (key, user_id) values ($1, $2)', ['a'.repeat(40), id])
  const patch = (query: string, body: object = {}) => request('PATCH', `${path}${query}`, { key, body })
  const me = async (authorization: string) =>
    (await request('GET', '/admin/me/', { headers: { authorization } })).status
  for (const query of ['?revoke=tokens', '?revoke=keys,tokens', '?revoke=tokens&dry_run=true']) {
    const { status, body } = await patch(query, { first_name: 'x' })
    t.strictSame([status, body.code], [400, 'invalid'], query)
    t.match(body.detail, /tokens/)
  }
  t.equal(
    (await request('PATCH', '/admin/users/?revoke=tokens', { key, body: [{ id, first_name: 'x' }] })).status,
    400,
  )
  t.equal((await request('GET', path, { key })).body.first_name, 'Ada', 'nothing is done')
  t.equal(await me(`Bearer ${own}`), 200, 'and nothing ends')
  t.equal((await patch('', { is_active: false })).status, 200, 'a deactivation works all the same')
  t.strictSame([await me(`Bearer ${own}`), await me(`Token ${'a'.repeat(40)}`)], [401, 401])
  await patch('', { is_active: true })
  t.equal(await me(`Bearer ${own}`), 401, 'the key is gone for good')
  const fresh = await makeKey(id)
  t.equal((await patch('?revoke=keys')).status, 200)
  t.equal(await me(`Bearer ${fresh}`), 401)
}

t.test('without the table of tokens', async (t) => checkKeysAlone(t, await startService(t, settings), false))

t.test('with a role that may not delete tokens', async (t) => {
  const role = `no_tokens_${process.pid}`
  const own = await createDatabase(t)
  await createTokenTable(own.pool)
  await own.pool.query(`create role ${role} login; grant usage on schema user_admin, public to ${role};
    grant all on all tables in schema user_admin, public to ${role}; revoke delete on authtoken_token from ${role}`)
  t.teardown(() => own.pool.query(`drop owned by ${role}; drop role ${role}`))
  const url = new URL(own.url)
  url.username = role
  await checkKeysAlone(t, await startService(t, settings, { ...own, url: url.href }), true)
})

t.test('where tokens are not taken, they end all the same', async (t) => {
  const deaf = await startService(t, { ...settings, DRF_TOKENS: 'false' }, database)
  const holder = await makeHolder(t)
  t.equal(
    (await deaf.request('PATCH', `/admin/${holder.path}?revoke=tokens`, { key: root.key, body: {} })).status,
    200,
  )
  t.strictSame(await holder.statuses(), NO_TOKEN)
})
