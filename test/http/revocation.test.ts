/** What a change ends beside: API keys, and tokens of Django REST Framework. */
import t, { type Test } from 'tap'
import { createDatabase } from '../helpers/database.js'
import { type RequestOptions, startService, type UserFixture } from '../helpers/service.js'
import { addToken, createTokenTable } from '../helpers/tokens.js'

const settings = { PASSWORD_HASHER: 'pbkdf2_sha256', PBKDF2_ITERATIONS: '1' } as const
const database = await createDatabase(t)
await createTokenTable(database.pool)
const service = await startService(t, settings, database)
const replica = await startService(t, settings, database)
const { request, makeUser, makeCaller, makeKey, findPermission, pool } = service
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
const NO_KEYS = [401, 401, 401, 401, 200, 200]
const NO_TOKEN = [200, 200, 200, 200, 401, 401]
const NONE = [401, 401, 401, 401, 401, 401]

/** What ended with whom, as anyone may read it. */
async function ended(id: number, actions = ['api_key.revoke', 'token.revoke']): Promise<any[]> {
  const lists = await Promise.all(
    actions.map((action) => send('GET', `events/?action=${action}&page_size=1000`)),
  )
  return lists.flatMap(({ body }) => body.results).filter(({ changes }: any) => changes.user?.[0] === id)
}

t.test('what is asked for ends at once, on every replica', async (t) => {
  const body = { password: 'another one' }
  const ways: [string, string, number[]][] = [
    ['PATCH', '?revoke=keys', NO_KEYS],
    ['PATCH', '?revoke=tokens', NO_TOKEN],
    ['PATCH', '?revoke=keys,tokens', NONE],
    ['PATCH', '?revoke=tokens,keys', NONE],
    ['PATCH', '?revoke=keys,keys', NO_KEYS],
    ['PUT', '?revoke=keys', NO_KEYS],
    ['PUT', '?revoke=keys,tokens', NONE],
    ['bulk', '?revoke=keys,tokens', NONE],
    ['bulk', '?atomic=false&revoke=tokens', NO_TOKEN],
    ['nothing else', '?revoke=keys,tokens', NONE],
    ['JSON Patch', '?revoke=keys,tokens', NONE],
    ['PATCH', '', ALL],
    ['PUT', '', ALL],
    ['bulk', '', ALL],
  ]
  for (const [way, query, expected] of ways) {
    const holder = await makeHolder(t)
    const other = await makeHolder(t)
    const whole = { ...(await send('GET', holder.path)).body, ...body }
    const requests: Record<string, () => ReturnType<typeof send>> = {
      PATCH: () => send('PATCH', `${holder.path}${query}`, { body }),
      PUT: () => send('PUT', `${holder.path}${query}`, { body: whole }),
      bulk: () => send('PATCH', `users/${query}`, { body: [{ id: holder.id, ...body }] }),
      'nothing else': () => send('PATCH', `${holder.path}${query}`, { body: {} }),
      'JSON Patch': () =>
        send('PATCH', `${holder.path}${query}`, {
          rawBody: '[]',
          headers: { 'content-type': 'application/json-patch+json' },
        }),
    }
    t.match((await requests[way]!()).status, /^20[07]$/, `${way} ${query}`)
    t.strictSame(await holder.statuses(), expected, `${way} ${query}`)
    t.strictSame(await other.statuses(), ALL, 'those of others live on')
    const events = await ended(holder.id)
    const actions = events.map(({ action }) => action).toSorted()
    t.strictSame(actions, [
      ...(expected[0] === 401 ? ['api_key.revoke', 'api_key.revoke'] : []),
      ...(expected[4] === 401 ? ['token.revoke'] : []),
    ])
    await requests[way]!()
    t.equal((await ended(holder.id)).length, events.length, 'once')
  }
})

t.test('events: each key and token that ends, by whom, and no secret', async (t) => {
  const holder = await makeHolder(t)
  const { id, path, keys, token } = holder
  // One revocation's events have no order among them.
  const byTarget = (events: any[]) =>
    events.toSorted((a, b) => (a.action === b.action ? a.target_id - b.target_id : 0))
  const since = (await send('GET', 'events/?ordering=-id&page_size=1')).body.results[0].id
  await send('PATCH', `${path}?revoke=keys,tokens`, { body: { first_name: 'Changed' } })
  const feed = byTarget((await send('GET', `events/?after=${since}`)).body.results)
  const { rows } = await pool.query(
    'select id::int, encode(key_hash, $2) as hash, prefix from user_admin.api_key where user_id = $1 order by id',
    [id, 'hex'],
  )
  t.strictSame(
    feed.map(({ action, outcome, target_type, target_id, changes }) => [
      action,
      outcome,
      target_type,
      target_id,
      changes,
    ]),
    [
      ['user.update', 'applied', 'user', id, { first_name: ['Ada', 'Changed'] }],
      ...rows.map((row) => ['api_key.revoke', 'applied', 'api_key', row.id, { user: [id, null] }]),
      ['token.revoke', 'applied', 'token', id, { user: [id, null] }],
    ],
  )
  t.ok(feed.every(({ actor_id, actor_username }) => actor_id === root.id && actor_username === 'root'))
  t.equal(new Set(feed.map(({ request_id }) => request_id)).size, 1, 'of one request')
  t.ok(feed.every(({ credential }) => credential === feed[0].credential))
  const text = JSON.stringify(feed)
  for (const secret of [
    ...keys,
    token,
    ...rows.map(({ hash }) => hash),
    ...keys.map((key) => key.slice(-16)),
  ])
    t.notOk(text.includes(secret))
  for (const [filter, count] of [
    ['action=api_key.revoke', 2],
    ['action=token.revoke', 1],
    ['target_type=token', 1],
  ] as const) {
    const { body } = await send('GET', `events/?${filter}&page_size=1000`)
    t.equal(body.results.filter(({ changes }: any) => changes.user[0] === id).length, count, filter)
  }
})

t.test('what has ended already does not end again', async (t) => {
  const { id, path } = await makeHolder(t)
  await makeKey(id, { expiresAt: '2020-01-01T00:00:00Z' })
  await send('PATCH', `${path}?revoke=keys`, { body: {} })
  t.equal((await ended(id)).length, 2, 'an expired key is left as it is')
})

t.test('a deactivation ends all of them for good, whoever asks for what', async (t) => {
  const body = { is_active: false }
  for (const way of ['PATCH', 'PUT', 'bulk', 'each', 'keys', 'JSON Patch']) {
    const holder = await makeHolder(t)
    const { id, path } = holder
    const whole = { ...(await send('GET', path)).body, ...body }
    const jsonPatch = {
      rawBody: '[{"op":"replace","path":"/is_active","value":false}]',
      headers: { 'content-type': 'application/json-patch+json' },
    }
    const requests: Record<string, () => ReturnType<typeof send>> = {
      PATCH: () => send('PATCH', path, { body }),
      PUT: () => send('PUT', path, { body: whole }),
      bulk: () => send('PATCH', 'users/', { body: [{ id, ...body }] }),
      each: () => send('PATCH', 'users/?atomic=false', { body: [{ id, ...body }] }),
      keys: () => send('PATCH', `${path}?revoke=keys`, { body }),
      'JSON Patch': () => send('PATCH', path, jsonPatch),
    }
    t.match((await requests[way]!()).status, /^20[07]$/, way)
    t.strictSame(await holder.statuses(), NONE, `${way}: dead at once`)
    t.equal((await ended(id)).length, 3, 'and recorded')
    t.equal((await send('PATCH', path, { body: { is_active: true } })).status, 200)
    t.strictSame(await holder.statuses(), NONE, `${way}: and for ever`)
    const fresh = await makeKey(id)
    t.equal((await request('GET', '/admin/me/', { key: fresh })).status, 200, 'a new key works')
  }
  const holder = await makeHolder(t)
  await pool.query('update auth_user set is_active = false where id = $1', [holder.id])
  t.strictSame(await holder.statuses(), NONE, 'whoever was deactivated by Django is out at once as well')
})

t.test('whoever is in the middle of something does not get further', async (t) => {
  // Many requests of one key, while another replica deactivates its user: after that none is done.
  const rights = [await findPermission('change_user')]
  let afterwards = 0
  for (let round = 0; round < 5; round++) {
    const { id, path, keys } = await makeHolder(t, { user_permissions: rights })
    const target = await makeUser({ user_permissions: [] })
    let isOver = false
    const late: number[] = []
    const flood = Promise.all(
      Array.from({ length: 8 }, async (_, worker) => {
        for (let count = 0, after = 0; after < 2; count++) {
          const began = isOver
          if (began) after++
          const { status } = await service.request('PATCH', `/admin/users/${target}/`, {
            key: keys[worker % 2],
            body: { first_name: `${worker}-${count}` },
          })
          if (began) late.push(status)
        }
      }),
    )
    const deactivating = replica.request('PATCH', `/admin/${path}`, {
      key: root.key,
      body: { is_active: false },
    })
    const { status } = await deactivating.finally(() => (isOver = true))
    await flood
    t.equal(status, 200)
    afterwards += late.length
    t.ok(
      late.every((status) => status === 401),
      `user ${id}: ${late.length} requests after it are 401`,
    )
  }
  t.ok(afterwards > 0, `${afterwards} requests came after it`)
})
