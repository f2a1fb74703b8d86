/** Requests with an Idempotency-Key are done once, however often they come, and whatever becomes of their answers. */
import http, { type OutgoingHttpHeaders } from 'node:http'
import { setTimeout as sleep } from 'node:timers/promises'
import t from 'tap'
import { migrate } from '../../src/db/migrate.js'
import { createDatabase } from '../helpers/database.js'
import { eventsOf } from '../helpers/observe.js'
import { type Answer, startService, type TestService } from '../helpers/service.js'

const settings = { PASSWORD_HASHER: 'pbkdf2_sha256', PBKDF2_ITERATIONS: '1' } as const
const service = await startService(t, settings)
const { request, makeUser, makeGroup, makePermission, makeCaller, makeKey, findPermission, pool } = service
const second = await startService(t, settings, service.database)
const root = await makeCaller({ username: 'root' })
const [A, B, P] = [await makeGroup(), await makeGroup(), await makePermission()]
const JSON_TYPE = 'application/json'
const PATCH_TYPE = 'application/json-patch+json'
const USERS = '/admin/users/'
const userPath = (id: number) => `${USERS}${id}/`
const groupPath = (id: number) => `/admin/groups/${id}/`

let count = 0
const unique = (prefix: string) => `${prefix}-${++count}`

interface Keyed {
  method: string
  path: string
  body?: unknown
  type?: string
  headers?: OutgoingHttpHeaders
}

function send(
  { method, path, body, type = JSON_TYPE, headers }: Keyed,
  idempotencyKey?: unknown,
  as = root.key,
  door = request,
) {
  const key = idempotencyKey === undefined ? {} : { 'idempotency-key': idempotencyKey as string }
  return door(method, path, {
    key: as,
    rawBody: body === undefined ? undefined : JSON.stringify(body),
    headers: { ...(body === undefined ? {} : { 'content-type': type }), ...key, ...headers },
  })
}

/** Everything that requests may change, and what is kept of their answers. */
async function world(of = pool): Promise<Record<string, unknown[]>> {
  const tables = [
    'auth_user',
    'auth_group',
    'auth_user_groups',
    'auth_user_user_permissions',
    'auth_group_permissions',
  ]
  tables.push('user_admin.audit_event', 'user_admin.api_key', 'user_admin.idempotent_answer')
  const found = await Promise.all(
    tables.map((table) => of.query(`select x::text from ${table} x order by 1`)),
  )
  return Object.fromEntries(tables.map((table, index) => [table, found[index]!.rows.map(({ x }) => x)]))
}
const countAnswers = async () => (await world())['user_admin.idempotent_answer']!.length

/** What two answers must share. */
const told = ({ status, headers, body, text }: Answer) => ({
  status,
  body: body ?? text,
  ...Object.fromEntries(
    ['etag', 'location', 'content-type', 'vary', 'preference-applied', 'dropped-fields'].map((name) => [
      name,
      headers[name],
    ]),
  ),
})
const isReplay = ({ headers }: Answer) => headers['idempotent-replayed'] === 'true'

/** One of each request that changes something. */
async function everyRequest(): Promise<Keyed[]> {
  const [one, two, gone] = [await makeUser({ groups: [A] }), await makeUser(), await makeUser()]
  const [group, doomed] = [await makeGroup(), await makeGroup([P])]
  // A place in a set wants the tag of what is there.
  const placed = userPath(await makeUser({ groups: [A] }))
  const placedGroup = groupPath(await makeGroup([P]))
  const tagged = async (path: string) => ({
    'if-match': (await request('GET', path, { key: root.key })).headers.etag,
  })
  const whole = { username: unique('put'), password: 'whole secret' }
  return [
    { method: 'POST', path: USERS, body: { username: unique('post'), password: 'a secret' } },
    {
      method: 'POST',
      path: USERS,
      body: { username: unique('post'), password: 'b' },
      headers: { prefer: 'return=minimal' },
    },
    { method: 'POST', path: '/admin/groups/', body: { name: unique('post'), permissions: [P] } },
    { method: 'PATCH', path: userPath(one), body: { first_name: 'Once', password: 'another secret' } },
    { method: 'PATCH', path: userPath(one), body: { last_name: 'M' }, type: 'application/merge-patch+json' },
    {
      method: 'PATCH',
      path: userPath(one),
      body: [{ op: 'add', path: '/groups/-', value: B }],
      type: PATCH_TYPE,
    },
    {
      method: 'PATCH',
      path: placed,
      body: [{ op: 'remove', path: '/groups/0' }],
      type: PATCH_TYPE,
      headers: await tagged(placed),
    },
    {
      method: 'PATCH',
      path: userPath(one),
      body: { last_name: 'N', nick: 1 },
      headers: { prefer: 'return=minimal, handling=lenient' },
    },
    { method: 'PATCH', path: `${userPath(two)}?revoke=keys`, body: { is_active: false } },
    { method: 'PATCH', path: userPath(one), body: {} },
    { method: 'PUT', path: userPath(two), body: whole },
    { method: 'PATCH', path: groupPath(group), body: { permissions: [P] } },
    {
      method: 'PATCH',
      path: placedGroup,
      body: [{ op: 'remove', path: '/permissions/0' }],
      type: PATCH_TYPE,
      headers: await tagged(placedGroup),
    },
    { method: 'PUT', path: groupPath(group), body: { name: unique('put') } },
    {
      method: 'PATCH',
      path: USERS,
      body: [
        { id: one, last_name: 'Bulk' },
        { id: two, password: 'bulk secret' },
      ],
    },
    {
      method: 'PATCH',
      path: `${USERS}?atomic=false`,
      body: [
        { id: one, last_name: 'Each' },
        { id: two, password: 'each secret' },
      ],
    },
    { method: 'PUT', path: `${userPath(one)}groups/${A}/` },
    {
      method: 'PUT',
      path: `${userPath(one)}permissions/${P}/`,
      headers: { prefer: 'return=representation' },
    },
    { method: 'DELETE', path: `${userPath(one)}groups/${A}/` },
    { method: 'DELETE', path: `${userPath(one)}permissions/${P}/` },
    { method: 'DELETE', path: userPath(gone) },
    { method: 'DELETE', path: groupPath(doomed) },
  ]
}
const nameOf = ({ method, path, body }: Keyed) => `${method} ${path} ${JSON.stringify(body) ?? ''}`

t.test('the same request with the same key is done once, and answered the same', async (t) => {
  for (const keyed of await everyRequest()) {
    const idempotencyKey = `"${unique('same')}"`
    const name = nameOf(keyed)
    const before = await world()
    const first = await send(keyed, idempotencyKey)
    t.ok(first.status < 300, `${name}: ${first.status} ${first.text}`)
    t.notOk(isReplay(first), name)
    const after = await world()
    t.not(JSON.stringify(after), JSON.stringify(before), name)
    for (const door of [request, second.request]) {
      const again = await send(keyed, idempotencyKey, root.key, door)
      t.strictSame(told(again), told(first), name)
      t.ok(isReplay(again), name)
    }
    t.strictSame(await world(), after, `${name}: nothing is done again`)
  }
})

t.test('another request with the same key is refused', async (t) => {
  for (const keyed of await everyRequest()) {
    const idempotencyKey = unique('reused')
    const name = nameOf(keyed)
    t.ok((await send(keyed, idempotencyKey)).status < 300, name)
    const after = await world()
    const query = keyed.path.includes('?') ? '&' : '?'
    const others: Keyed[] = [
      {
        ...keyed,
        path: `${keyed.path}${query}${keyed.path.includes('/groups/' + A) || keyed.path.includes('/permissions/') ? 'dry_run=false' : 'format=json'}`,
      },
    ]
    if (Array.isArray(keyed.body))
      others.push({ ...keyed, body: [...keyed.body].toReversed() }, { ...keyed, body: [] })
    else if (keyed.body !== undefined)
      others.push({ ...keyed, body: { ...keyed.body, password: 'x' } }, { ...keyed, body: {} })
    if (
      keyed.method === 'PATCH' &&
      keyed.path !== USERS &&
      keyed.type === undefined &&
      !keyed.path.includes('atomic')
    )
      others.push({ ...keyed, type: 'application/merge-patch+json' })
    const content = (other: Keyed) => JSON.stringify([other.path, other.type, other.body])
    for (const other of others.filter((other) => content(other) !== content(keyed))) {
      const answer = await send(other, idempotencyKey)
      const isRefused = answer.status === 422
      t.ok(isRefused, `${name}, then ${nameOf(other)}: ${answer.status} ${answer.text}`)
      t.notOk(isReplay(answer))
    }
    t.strictSame(await world(), after, `${name}: nothing is done`)
  }
  const key = unique('reused')
  const path = userPath(await makeUser())
  await send({ method: 'PATCH', path, body: { first_name: 'a' } }, key)
  const { status, body } = await send({ method: 'PATCH', path, body: { first_name: 'b' } }, key)
  t.strictSame([status, body.code], [422, 'idempotency_key_reused'])
})

t.test('bulk updates that are each for themselves are one request all the same', async (t) => {
  const [one, two] = [await makeUser(), await makeUser()]
  const path = `${USERS}?atomic=false`
  const partly: Keyed = {
    method: 'PATCH',
    path,
    body: [
      { id: one, last_name: 'A' },
      { id: two, groups: [999_999] },
    ],
  }
  const key = unique('each')
  const first = await send(partly, key)
  t.strictSame(
    first.body.results.map(({ status }: any) => status),
    [200, 400],
  )
  const after = await world()
  const other: Keyed = {
    method: 'PATCH',
    path,
    body: [
      { id: one, last_name: 'B' },
      { id: two, last_name: 'B' },
    ],
  }
  const answer = await send(other, key)
  t.equal(answer.status, 422, `another body: ${answer.text}`)
  t.strictSame(await world(), after, 'another body: nothing of it is done')
  const atOnce: Keyed = { method: 'PATCH', path: USERS, body: partly.body }
  const once = unique('each')
  await send({ method: 'PATCH', path, body: [{ id: one, last_name: 'C' }] }, once)
  const whole = await send({ ...atOnce, body: [{ id: one, last_name: 'C' }] }, once)
  t.equal(whole.status, 422, `another query: ${whole.text}`)
  for (const bad of ['"', 'a b', '']) {
    const malformed = await send({ method: 'PATCH', path, body: [{ id: one, last_name: 'D' }] }, bad)
    t.strictSame(
      [malformed.status, malformed.body.code],
      [400, 'bad_request'],
      `a malformed key: ${malformed.text}`,
    )
  }
  const [held, free] = [await makeUser(), await makeUser()]
  const flight: Keyed = {
    method: 'PATCH',
    path,
    body: [held, free].map((id) => ({ id, first_name: 'Flight' })),
  }
  const flightKey = unique('each')
  const client = await pool.connect()
  await client.query('begin')
  await client.query('select 1 from auth_user where id = $1 for update', [held])
  const waiting = send(flight, flightKey)
  await sleep(150)
  const meanwhile = await send(flight, flightKey, root.key, second.request)
  await client.query('rollback')
  client.release()
  // Of the whole, or of the one that waits.
  t.ok([meanwhile.status, meanwhile.body.results?.[0].status].includes(409), `in flight: ${meanwhile.text}`)
  const { body: done } = await waiting
  t.strictSame((await send(flight, flightKey)).body, done)
  for (const user of [held, free]) t.equal((await eventsOf(pool, 'user.update', user)).length, 1, 'once each')
  const many = await Promise.all(Array.from({ length: 70 }, () => makeUser()))
  const all: Keyed = { method: 'PATCH', path, body: many.map((id) => ({ id, last_name: 'All' })) }
  const allKey = unique('each')
  const [first70, again70] = [await send(all, allKey), await send(all, allKey)]
  t.strictSame(again70.body, first70.body)
})

t.test('scope: caller, method and path, whose final slash does not matter', async (t) => {
  const other = await makeCaller()
  const [one, two] = [await makeUser(), await makeUser()]
  const key = unique('scope')
  const body = { first_name: 'Scope' }
  const same: [string, Keyed, string?][] = [
    ['the first', { method: 'PATCH', path: userPath(one), body }],
    ['another path', { method: 'PATCH', path: userPath(two), body }],
    [
      'another method',
      { method: 'PUT', path: userPath(one), body: { username: unique('scope'), password: 'x' } },
    ],
    ['another caller', { method: 'PATCH', path: userPath(one), body }, other.key],
    ['a group', { method: 'PUT', path: `${userPath(one)}groups/${A}/` }],
    ['one group less', { method: 'DELETE', path: `${userPath(one)}groups/${A}/` }],
  ]
  for (const [what, keyed, as] of same) {
    const answer = await send(keyed, key, as)
    t.strictSame([answer.status < 300, isReplay(answer)], [true, false], `${what}: ${answer.text}`)
  }
  for (const [what, keyed, as] of same) {
    const answer = await send({ ...keyed, path: keyed.path.replace(/\/$/, '') }, key, as)
    t.ok(isReplay(answer), `${what}, without the slash`)
  }
  t.ok(isReplay(await send(same[0]![1], key, await makeKey(root.id))), 'another API key of the same caller')
})

t.test('how a key is written', async (t) => {
  const id = await makeUser()
  const attempt = (idempotencyKey: unknown, name = unique('written')) =>
    send({ method: 'PATCH', path: userPath(id), body: { first_name: name } }, idempotencyKey)
  const groups = [
    ['plain', '"plain"'],
    ['"es\\"ca\\\\ped"'],
    ['es', '"es"'],
    ['"with space"'],
    ["!#$%&'*+-.^_`|~:;=?@/()<>[]{}0", '"!#$%&\'*+-.^_`|~:;=?@/()<>[]{}0"'],
    ['x'.repeat(255), `"${'x'.repeat(255)}"`],
    [`"${'\\"'.repeat(255)}"`],
    ['PLAIN'],
  ]
  for (const group of groups) {
    const name = unique('written')
    const answers = []
    for (const idempotencyKey of [...group, ...group]) answers.push(await attempt(idempotencyKey, name))
    const [first, ...others] = answers
    t.strictSame([first!.status, isReplay(first!)], [200, false], `${group[0]}: ${first!.text}`)
    t.ok(others.every(isReplay), String(group[0]))
  }
  const bad = [
    '',
    '""',
    '"open',
    'open"',
    'a"b',
    'a b',
    'a,b',
    '"a", "b"',
    ['a', 'b'],
    ['"a"', '"a"'],
    '"a\\b"',
    '"\\"',
  ]
  const after = await world()
  for (const idempotencyKey of [
    ...bad,
    'x'.repeat(256),
    `"${'x'.repeat(256)}"`,
    Buffer.from('ké').toString('latin1'),
    'a\tb',
  ]) {
    const { status, body, text } = await attempt(idempotencyKey)
    t.strictSame([status, body.code], [400, 'bad_request'], `${JSON.stringify(idempotencyKey)}: ${text}`)
  }
  t.strictSame(await world(), after)
})

t.test('while the first is being done, another is told so, by any replica', async (t) => {
  const [id, group] = [await makeUser({ groups: [A] }), await makeGroup([P])]
  const username = unique('flight')
  const requests: [Keyed, lock: string, values: unknown[]][] = [
    ...[
      { method: 'PATCH', path: userPath(id), body: { last_name: 'Flight' } },
      {
        method: 'PATCH',
        path: userPath(id),
        body: [{ op: 'add', path: '/groups/-', value: B }],
        type: PATCH_TYPE,
      },
      { method: 'PATCH', path: USERS, body: [{ id, first_name: 'Flight' }] },
      { method: 'PUT', path: `${userPath(id)}permissions/${P}/` },
      { method: 'PUT', path: userPath(id), body: { username: unique('flight'), password: 'x' } },
      { method: 'DELETE', path: userPath(id) },
    ].map((keyed): [Keyed, string, unknown[]] => [
      keyed,
      'select 1 from auth_user where id = $1 for update',
      [id],
    ]),
    [
      { method: 'PATCH', path: groupPath(group), body: { permissions: [] } },
      'select 1 from auth_group where id = $1 for update',
      [group],
    ],
    [
      { method: 'POST', path: USERS, body: { username, password: 'x' } },
      `insert into auth_user (username, password, is_superuser, first_name, last_name, email, is_staff, is_active, date_joined)
       values ($1, '!', false, '', '', '', false, true, now())`,
      [username],
    ],
  ]
  for (const [keyed, lock, values] of requests) {
    const client = await pool.connect()
    const key = unique('flight')
    await client.query('begin')
    await client.query(lock, values)
    const first = send(keyed, key)
    await sleep(150)
    const meanwhile = [await send(keyed, key), await send(keyed, key, root.key, second.request)]
    await client.query('rollback')
    client.release()
    for (const { status, body, headers } of meanwhile) {
      t.strictSame([status, body?.code], [409, 'request_in_progress'], nameOf(keyed))
      t.match(headers['retry-after'] ?? '', /^[1-9]\d*$/)
    }
    t.ok((await first).status < 300, `${nameOf(keyed)}: ${(await first).text}`)
    t.strictSame(told(await send(keyed, key)), told(await first))
  }
})

t.test('many at once: one does it, and the others are told what came of it', async (t) => {
  for (let round = 0; round < 10; round++) {
    const keyed = { method: 'POST', path: USERS, body: { username: unique('crowd'), password: 'x' } }
    const key = unique('crowd')
    const answers = await Promise.all(
      Array.from({ length: 12 }, (_, index) =>
        send(keyed, key, root.key, index % 2 ? request : second.request),
      ),
    )
    const made = answers.filter(({ status }) => status === 201)
    t.equal(made.filter((answer) => !isReplay(answer)).length, 1)
    t.equal(new Set(made.map(({ text }) => text)).size, 1)
    t.ok(
      answers.every(({ status }) => status === 201 || status === 409),
      answers.map(({ status }) => status).join(),
    )
  }
})

t.test('after a refusal the key may be used again', async (t) => {
  const staff = await makeCaller({
    is_superuser: false,
    user_permissions: [await findPermission('change_user')],
  })
  const id = await makeUser()
  const path = userPath(id)
  const append = { method: 'PATCH', path, type: PATCH_TYPE }
  const placed = userPath(await makeUser({ groups: [A] }))
  const { etag } = (await request('GET', placed, { key: root.key })).headers
  const cases: [status: number, refused: Keyed, accepted: Keyed, mend?: () => Promise<unknown>][] = [
    [
      400,
      { method: 'POST', path: USERS, body: { username: '' } },
      { method: 'POST', path: USERS, body: { username: unique('mended'), password: 'x' } },
    ],
    [
      400,
      { method: 'PATCH', path, body: { groups: [999_999] } },
      { method: 'PATCH', path, body: { groups: [A] } },
    ],
    [
      404,
      { method: 'PUT', path: `${path}groups/999999/` },
      { method: 'PUT', path: `${path}groups/999999/` },
      () => pool.query("insert into auth_group (id, name) values (999999, 'late')"),
    ],
    [
      412,
      { method: 'PATCH', path, body: { email: '' }, headers: { 'if-match': '"stale"' } },
      { method: 'PATCH', path, body: { email: '' }, headers: { 'if-match': '*' } },
    ],
    [
      409,
      { ...append, body: [{ op: 'test', path: '/first_name', value: 'no' }] },
      { ...append, body: [{ op: 'replace', path: '/first_name', value: 'yes' }] },
    ],
    [
      428,
      { ...append, path: placed, body: [{ op: 'remove', path: '/groups/0' }] },
      { ...append, path: placed, body: [{ op: 'remove', path: '/groups/0' }], headers: { 'if-match': etag } },
    ],
    [
      403,
      { method: 'PATCH', path, body: { is_superuser: true } },
      { method: 'PATCH', path, body: { last_name: 'Mended' } },
    ],
  ]
  for (const [status, refused, accepted, mend] of cases) {
    const key = unique('refused')
    const as = status === 403 ? staff.key : root.key
    const kept = await countAnswers()
    const answer = await send(refused, key, as)
    t.equal(answer.status, status, `${nameOf(refused)}: ${answer.text}`)
    t.equal(await countAnswers(), kept, 'a refusal is not kept')
    await mend?.()
    const mended = await send(accepted, key, as)
    t.strictSame(
      [mended.status < 300, isReplay(mended)],
      [true, false],
      `${nameOf(accepted)}: ${mended.text}`,
    )
    t.ok(isReplay(await send(accepted, key, as)))
  }
})

t.test('a conditional change whose answer was lost is no conflict with itself', async (t) => {
  const path = userPath(await makeUser())
  const { etag } = (await request('GET', path, { key: root.key })).headers
  const keyed = { method: 'PATCH', path, body: { first_name: 'Condition' }, headers: { 'if-match': etag } }
  const key = unique('condition')
  const first = await send(keyed, key)
  const again = await send(keyed, key)
  t.strictSame([again.status, isReplay(again), again.headers.etag], [200, true, first.headers.etag])
  t.equal((await send(keyed)).status, 412, 'without the key')
})

t.test('after 24 hours it is another request', async (t) => {
  const id = await makeUser()
  const keyed = { method: 'PATCH', path: userPath(id), body: { first_name: 'Aged' } }
  const key = unique('aged')
  const age = (interval: string) =>
    pool.query('update user_admin.idempotent_answer set answered_at = now() - $1::interval', [interval])
  await send(keyed, key)
  await age('23 hours 59 minutes')
  t.ok(isReplay(await send(keyed, key)))
  await age('24 hours 1 second')
  await pool.query("update auth_user set first_name = 'Other' where id = $1", [id])
  const anew = await send({ ...keyed, body: { first_name: 'Anew' } }, key)
  t.strictSame(
    [anew.status, isReplay(anew), anew.body.first_name],
    [200, false, 'Anew'],
    'whatever its body is',
  )
  t.ok(isReplay(await send({ ...keyed, body: { first_name: 'Anew' } }, key)), 'and is kept again')
  t.ok((await countAnswers()) > 1)
  await startService(t, settings, service.database)
  for (let waited = 0; (await countAnswers()) !== 1 && waited < 50; waited++) await sleep(20)
  t.equal(await countAnswers(), 1, 'what is old is removed at the start, and nothing else')
})

/** Sends a request, and goes away while it is done. @returns the answer, where it came before that */
function sendAndLeave(
  of: TestService,
  { method, path, body, type = JSON_TYPE }: Keyed,
  key: string,
  milliseconds: number,
) {
  return new Promise<number | undefined>((resolve) => {
    const headers = { authorization: `Bearer ${root.key}`, 'content-type': type, 'idempotency-key': key }
    const outgoing = http.request(of.url + path, { method, headers, agent: false }, (incoming) => {
      incoming.resume().on('error', () => {})
      resolve(incoming.statusCode)
    })
    outgoing.on('error', () => resolve(undefined)).end(JSON.stringify(body))
    setTimeout(() => outgoing.destroy(), milliseconds)
  })
}

/** Ends one of the connections of the services. */
const killOne = () =>
  pool.query(
    `select pg_terminate_backend(pid) from pg_stat_activity
     where datname = current_database() and application_name = 'fastify-user-admin'
     order by (state <> 'idle') desc, random() limit 1`,
  )

/** Until something else is said than that it is not known yet, or not now. */
async function insist(keyed: Keyed, key: string): Promise<Answer> {
  for (let attempt = 0; ; attempt++) {
    const answer = await send(keyed, key, root.key, attempt % 2 ? request : second.request)
    if (![409, 503].includes(answer.status) || attempt > 200) return answer
    await sleep(Math.random() * 20)
  }
}

for (const isKilling of [false, true]) {
  t.test(
    `lost ${isKilling ? 'connections to the database' : 'clients'}: nothing is done twice`,
    async (t) => {
      const replays = { done: 0, anew: 0 }
      const killer = { isOver: false }
      const killing = (async () => {
        while (isKilling && !killer.isOver) {
          await sleep(Math.random() * 25)
          await killOne()
        }
      })()
      const target = await makeUser({ groups: [] })
      const lists = await Promise.all(Array.from({ length: 120 }, () => makeGroup()))
      const work = lists.map((value, index): Keyed => {
        if (index % 3 === 0)
          return { method: 'POST', path: USERS, body: { username: unique('lost'), password: 'x' } }
        if (index % 3 === 1) return { method: 'POST', path: '/admin/groups/', body: { name: unique('lost') } }
        return {
          method: 'PATCH',
          path: userPath(target),
          body: [{ op: 'add', path: '/groups/-', value }],
          type: PATCH_TYPE,
        }
      })
      const queue = work.entries()
      const worker = async () => {
        for (const [index, keyed] of queue) {
          const key = unique('lost')
          const door = index % 2 ? service : second
          if (isKilling) await send(keyed, key, root.key, door.request).catch(() => {})
          else await sendAndLeave(door, keyed, key, Math.random() * 30)
          const answer = await insist(keyed, key)
          t.ok(answer.status < 300, `${nameOf(keyed)}: ${answer.status} ${answer.text}`)
          replays[isReplay(answer) ? 'done' : 'anew']++
          if (keyed.method !== 'POST') continue
          const isUser = keyed.path === USERS
          const { rows } = await pool.query(
            `select id from ${isUser ? 'auth_user where username' : 'auth_group where name'} = $1`,
            [(keyed.body as any).username ?? (keyed.body as any).name],
          )
          t.strictSame(
            rows.map(({ id }) => id),
            [answer.body.id],
          )
          t.equal((await eventsOf(pool, isUser ? 'user.create' : 'group.create', answer.body.id)).length, 1)
        }
      }
      await Promise.all(Array.from({ length: 6 }, worker))
      killer.isOver = true
      await killing
      const events = await eventsOf(pool, 'user.update', target)
      t.equal(events.length, 40, 'each group was added once')
      t.ok(replays.done > 2 && replays.anew > 2, `both were seen: ${JSON.stringify(replays)}`)
    },
  )
}

t.test('a replay is for whoever still may make the request', async (t) => {
  const names = ['add_user', 'change_user', 'delete_user', 'add_group', 'change_group', 'delete_group']
  const rights = [...(await Promise.all(names.map(findPermission))), P]
  const requests = await everyRequest()
  const endings: [status: number, sql: string][] = [
    [401, 'update user_admin.api_key set revoked_at = now() where user_id = $1'],
    [403, 'delete from auth_user_user_permissions where user_id = $1'],
    [403, 'update auth_user set is_staff = false where id = $1'],
    [401, 'update auth_user set is_active = false where id = $1'],
  ]
  for (const [index, keyed] of requests.entries()) {
    const caller = await makeCaller({ is_superuser: false, user_permissions: rights, groups: [] })
    const key = unique('still')
    const first = await send(keyed, key, caller.key)
    const name = `${nameOf(keyed)} ${first.text}`
    t.ok(first.status < 300, name)
    t.ok(isReplay(await send(keyed, key, caller.key)), name)
    const [status, sql] = endings[index % endings.length]!
    await pool.query(sql, [caller.id])
    const after = await world()
    const answer = await send(keyed, key, caller.key)
    t.strictSame([answer.status, isReplay(answer)], [status, false], `${sql}: ${name}`)
    t.notMatch(answer.text, /username|results/, 'and nothing is told')
    t.strictSame(await world(), after)
  }
})

t.test('what is kept holds no secret', async (t) => {
  const id = await makeUser({ password: 'pbkdf2_sha256$1$seasalt$aGFzaG9mc29tZXRoaW5n' })
  const other = await makeUser()
  const secrets = [
    'plain-Secret-1',
    'plain-Secret-2',
    'raw-Idempotency-Key',
    root.key,
    'seasalt',
    'aGFzaG9mc29tZXRoaW5n',
  ]
  const keyed = [
    { method: 'POST', path: USERS, body: { username: unique('secret'), password: secrets[0] } },
    { method: 'PATCH', path: userPath(id), body: { first_name: 'Secret' } },
    {
      method: 'PATCH',
      path: userPath(other),
      body: [{ op: 'add', path: '/password', value: secrets[1] }],
      type: PATCH_TYPE,
    },
    { method: 'PATCH', path: USERS, body: [{ id, password: secrets[0] }] },
    { method: 'PATCH', path: `${USERS}?atomic=false`, body: [{ id, password: secrets[1] }] },
  ]
  for (const [index, each] of keyed.entries()) {
    // Both of the last are of one path.
    const { status, text } = await send(each, `${secrets[2]}${index > 3 ? '-2' : ''}`)
    t.ok(status < 300, text)
  }
  const { rows } = await pool.query('select password from auth_user')
  secrets.push(...rows.flatMap(({ password }) => password.split('$').slice(2)))
  const text = (await world())['user_admin.idempotent_answer']!.join('\n')
  t.ok(text.includes('pbkdf2_sha256$********'), 'answers are in it')
  for (const secret of secrets) {
    const bytes = Buffer.from(secret)
    for (const form of [secret, bytes.toString('hex'), bytes.toString('base64')])
      t.notOk(text.includes(form), `${secret} is not`)
  }
})

t.test('fingerprints tell nothing across databases, or across keys', async (t) => {
  const seen: Buffer[] = []
  // Copies of one database have one secret, so the other is made anew.
  for (const template of ['migrated', 'empty'] as const) {
    const database = await createDatabase(t, { template })
    if (template === 'empty') await migrate(database.url)
    const other = await startService(t, settings, database)
    const { key } = await other.makeCaller({ username: 'root' })
    const id = await other.makeUser({ username: 'target' })
    for (const name of ['one', 'two']) {
      const { status } = await send(
        { method: 'PATCH', path: userPath(id), body: { first_name: 'x' } },
        name,
        key,
        other.request,
      )
      t.equal(status, 200)
    }
    const { rows } = await database.pool.query('select key, fingerprint from user_admin.idempotent_answer')
    t.equal(rows.length, 2)
    seen.push(...rows.flatMap(({ key, fingerprint }) => [key, fingerprint]))
  }
  t.equal(new Set(seen.map((bytes) => bytes.toString('hex'))).size, 8)
})

t.test('what does nothing keeps nothing', async (t) => {
  const id = await makeUser()
  const kept = await countAnswers()
  const dry = { method: 'PATCH', path: `${userPath(id)}?dry_run=true`, body: { first_name: 'Dry' } }
  const key = unique('dry')
  const [first, again] = [await send(dry, key), await send(dry, key)]
  t.strictSame([first.status, again.status, isReplay(again)], [200, 200, false])
  t.equal((await send({ method: 'PUT', path: `${userPath(id)}groups/${A}/?dry_run=true` }, key)).status, 200)
  t.equal((await send({ method: 'GET', path: userPath(id) }, key)).status, 200)
  for (const keyed of await everyRequest()) {
    const { status, headers } = await send(keyed)
    t.ok(status < 300 && headers['idempotent-replayed'] === undefined)
  }
  t.equal(await countAnswers(), kept)
  const real = await send({ ...dry, path: userPath(id) }, key)
  t.strictSame([real.status, isReplay(real)], [200, false], 'a dry run takes no key')
})

t.test('a password is hashed once', async (t) => {
  // So dear that it is seen.
  const slow = await startService(t, { ...settings, PBKDF2_ITERATIONS: '500000' })
  const { key } = await slow.makeCaller()
  const id = await slow.makeUser()
  const hashing: Keyed[] = [
    { method: 'POST', path: USERS, body: { username: 'slow', password: 'a' } },
    { method: 'PATCH', path: userPath(id), body: { password: 'b' } },
    {
      method: 'PATCH',
      path: userPath(id),
      body: [{ op: 'add', path: '/password', value: 'c' }],
      type: PATCH_TYPE,
    },
    { method: 'PUT', path: userPath(id), body: { username: 'slower', password: 'd' } },
    { method: 'PATCH', path: USERS, body: [{ id, password: 'e' }] },
    { method: 'PATCH', path: `${USERS}?atomic=false`, body: [{ id, password: 'f' }] },
  ]
  for (const keyed of hashing) {
    const idempotencyKey = unique('slow')
    const first = await send(keyed, idempotencyKey, key, slow.request)
    const again = await send(keyed, idempotencyKey, key, slow.request)
    t.ok(first.status < 300 && isReplay(again), first.text)
    t.ok(
      again.milliseconds < first.milliseconds / 2,
      `${nameOf(keyed)}: ${first.milliseconds} ms, ${again.milliseconds} ms`,
    )
  }
})
