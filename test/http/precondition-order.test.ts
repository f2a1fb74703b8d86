/** Conditions of many updates and of creations, and where conditions stand among the reasons to refuse. */
import type { OutgoingHttpHeaders } from 'node:http'
import t from 'tap'
import { everything } from '../helpers/everything.js'
import { faultsOf } from '../helpers/observe.js'
import { type Answer, type RequestOptions, startService } from '../helpers/service.js'
import { stored } from '../properties/stored.js'

const settings = { PASSWORD_HASHER: 'pbkdf2_sha256', PBKDF2_ITERATIONS: '1' } as const
const service = await startService(t, settings)
const { request, makeUser, makePermission, makeCaller, findPermission, pool } = service
const { key } = await makeCaller({ username: 'root' })
const NOWHERE = 999_999

const send = (method: string, path: string, options: RequestOptions = {}) =>
  request(method, `/admin/${path}`, { key, ...options })
const tagOf = async (path: string): Promise<string> => (await send('GET', path)).headers.etag!
const ifMatch = (tags: string): OutgoingHttpHeaders => ({ 'if-match': tags })

t.test('bulk: if_match of each update', async (t) => {
  const ids = [await makeUser(), await makeUser(), await makeUser()]
  const paths = ids.map((id) => `users/${id}/`)
  const stale = await Promise.all(paths.map(tagOf))
  await pool.query("update auth_user set email = '' where id = $1", [ids[1]])
  const tags = await Promise.all(paths.map(tagOf))
  const updates = ids.map((id, index) => ({ id, first_name: `bulk${index}`, if_match: stale[index] }))
  const before = await everything(pool)
  const all = await send('PATCH', 'users/', { body: updates })
  t.strictSame(
    [all.status, all.body.code, faultsOf(all.body)],
    [412, 'precondition_failed', { '/1/email': 'changed', '/1/if_match': 'precondition_failed' }],
  )
  // One header can not have the tags of many.
  t.match(
    all.body.errors.find(({ pointer }: any) => pointer === '/1/if_match').detail,
    tags[1],
    'with the current tag',
  )
  t.strictSame(await everything(pool), before, 'all or none')
  for (const condition of ['', 'x', `${tags[0]} ${tags[0]}`, 7, null, [tags[0]], `"${'x'.repeat(1_000)}"`]) {
    for (const query of ['', '?atomic=false']) {
      const body = [{ id: ids[0], first_name: 'x', if_match: condition }]
      const answer = await send('PATCH', `users/${query}`, { body })
      const problem = query === '' ? answer.body : answer.body.results[0].problem
      t.equal(problem.status, 400, `${query} ${JSON.stringify(condition)}`)
      t.match(Object.keys(faultsOf(problem)), [query === '' ? '/0/if_match' : '/if_match'])
    }
  }
  for (const header of ['if-match', 'if-none-match']) {
    for (const query of ['', '?atomic=false']) {
      const answer = await send('PATCH', `users/${query}`, {
        body: [{ id: ids[0] }],
        headers: { [header]: '*' },
      })
      t.strictSame([answer.status, answer.body.code], [400, 'bad_request'], `${header} ${query}`)
    }
  }
  t.strictSame(await everything(pool), before, 'nothing is written')

  const [one, stored1] = [
    await send('PATCH', 'users/?atomic=false', { body: updates }),
    await stored(pool, ids[1]!),
  ]
  t.equal(one.status, 207)
  t.strictSame(
    one.body.results.map(({ id, status }: any) => [id, status]),
    [
      [ids[0], 200],
      [ids[1], 412],
      [ids[2], 200],
    ],
  )
  t.equal(one.body.results[1].etag, tags[1], 'with the current tag')
  t.strictSame(faultsOf(one.body.results[1].problem), { '/email': 'changed' })
  t.strictSame(await stored(pool, ids[1]!), stored1)
  t.equal((await send('GET', paths[1]!)).body.first_name, 'Ada')
  t.equal(one.body.results[0].etag, await tagOf(paths[0]!), 'and the new one')
  const now = await Promise.all(paths.map(tagOf))
  const lists = [now[0], '*', `"x", W/"y", ${now[2]}`]
  const good = await send('PATCH', 'users/', {
    body: ids.map((id, index) => ({ id, last_name: 'x', if_match: lists[index] })),
  })
  t.equal(good.status, 200, 'lists and *')
})

t.test(
  'If-None-Match: * of a creation: 412 where the name is taken, also by the database alone',
  async (t) => {
    const headers = { 'if-none-match': '*' }
    const kinds: [string, (name: string) => object][] = [
      ['users', (username) => ({ username, password: 'secret' })],
      ['groups', (name) => ({ name, permissions: [] })],
    ]
    for (const [what, bodyOf] of kinds) {
      const create = (name: string, headers = {}) => send('POST', `${what}/`, { body: bodyOf(name), headers })
      const made = await create('first', headers)
      t.strictSame(
        [made.status, made.headers.etag],
        [201, await tagOf(made.headers.location!.slice('/admin/'.length))],
        what,
      )
      const before = await everything(pool)
      const again = await create(' first ', headers)
      t.strictSame(
        [again.status, again.body.code, again.headers.etag],
        [412, 'precondition_failed', made.headers.etag],
      )
      t.equal((await create('first')).status, 400, 'without the condition')
      t.equal(
        (await create('first', { 'if-none-match': '"x"' })).status,
        400,
        'any other means nothing there',
      )
      t.equal(
        (await create('second', { 'if-none-match': 'x' })).status,
        400,
        'and what can not be read is refused',
      )
      const invalid = await send('POST', `${what}/`, {
        body: { ...bodyOf('first'), colour: 'blue' },
        headers,
      })
      t.equal(invalid.status, 400, 'a fault of the body comes first')
      t.strictSame(await everything(pool), before, 'nothing is written')
      const second = await startService(t, settings, service.database)
      for (let round = 0; round < 5; round++) {
        const path = `/admin/${what}/`
        const body = bodyOf(`raced-${round}`)
        const answers = await Promise.all(
          Array.from({ length: 16 }, (_, index) =>
            (index % 2 ? second : service).request('POST', path, { key, body, headers }),
          ),
        )
        const [winner, ...others] = answers.toSorted((a, b) => a.status - b.status) as [Answer, ...Answer[]]
        t.equal(winner.status, 201)
        for (const { status, headers } of others)
          t.strictSame([status, headers.etag], [412, winner.headers.etag])
      }
    }
  },
)

t.test('the order of refusals', async (t) => {
  const lacking = await makePermission()
  const limited = await makeCaller({
    is_superuser: false,
    user_permissions: [await findPermission('change_user')],
  })
  const reader = await makeCaller({
    is_superuser: false,
    user_permissions: [await findPermission('view_user')],
  })
  const mighty = await makeUser({ user_permissions: [lacking] })
  const path = `users/${mighty}/`
  const headers = ifMatch('"stale"')
  // Each is refused for one thing less than the one before it.
  const json = { 'content-type': 'application/json' }
  const bad = { email: 'x', groups: [NOWHERE] }
  const steps: [number, string, RequestOptions][] = [
    [401, path, { key: undefined, rawBody: '{', headers: { 'content-type': 'text/plain', ...headers } }],
    [403, path, { key: reader.key, rawBody: '{', headers: { 'content-type': 'text/plain', ...headers } }],
    [415, path, { key: limited.key, rawBody: '{', headers: { 'content-type': 'text/plain', ...headers } }],
    [400, `users/${NOWHERE}/`, { key: limited.key, rawBody: '{', headers: { ...json, ...headers } }],
    [400, `users/${NOWHERE}/`, { key: limited.key, body: bad, headers }],
    [404, `users/${NOWHERE}/`, { key: limited.key, body: { groups: [NOWHERE], password: 'x' }, headers }],
    [412, path, { key: limited.key, body: { groups: [NOWHERE], password: 'x' }, headers }],
    [400, path, { key: limited.key, body: { groups: [NOWHERE], password: 'x' }, headers: ifMatch('*') }],
    [403, path, { key: limited.key, body: { groups: [], password: 'x' }, headers: ifMatch('*') }],
    [200, path, { key: limited.key, body: { groups: [], last_name: 'x' }, headers: ifMatch('*') }],
  ]
  for (const [index, [status, where, options]] of steps.entries()) {
    for (const method of ['PATCH', ...(index < 8 && options.body === undefined ? ['PUT'] : [])]) {
      const answer = await send(method, where, options)
      t.equal(answer.status, status, `${method}, step ${index}`)
    }
  }
  const last = await startService(t, settings)
  const only = await last.makeCaller()
  const demote = (headers: OutgoingHttpHeaders) =>
    last.request('PATCH', `/admin/users/${only.id}/`, {
      key: only.key,
      body: { is_active: false },
      headers: headers,
    })
  t.equal((await demote(headers)).status, 412, '412 comes before 409')
  t.equal((await demote({})).status, 409)
  const conflict = [{ op: 'test', path: '/first_name', value: 'somebody else' }]
  const patch = (headers: OutgoingHttpHeaders) =>
    send('PATCH', path, {
      rawBody: JSON.stringify(conflict),
      headers: { 'content-type': 'application/json-patch+json', ...headers },
    })
  t.strictSame([(await patch(headers)).status, (await patch({})).status], [412, 409], 'of a JSON Patch too')
  // Membership routes, deletions and groups: 404, 412, and then whatever the rules say.
  const rest: [string, string][] = [
    ['PUT', `${path}permissions/${lacking}/`],
    ['DELETE', path],
  ]
  const deleter = await makeCaller({
    is_superuser: false,
    user_permissions: await Promise.all(['change_user', 'delete_user'].map(findPermission)),
  })
  for (const [method, what] of rest) {
    const statuses = []
    for (const condition of [headers, {}])
      statuses.push((await send(method, what, { key: deleter.key, headers: condition })).status)
    // The permission is held already, and giving it once more changes nothing.
    t.strictSame(statuses, [412, method === 'PUT' ? 204 : 403], what)
  }
  t.equal(
    (await send('PUT', `${path}groups/${NOWHERE}/`, { headers })).status,
    404,
    'a group that there is not',
  )
})
