// The history of a user, and the feed: complete and in order, however the transactions that write it commit.
import { setTimeout as sleep } from 'node:timers/promises'
import t from 'tap'
import type { Answer } from '../../src/contract/http.js'
import { setClockBack } from '../helpers/clock.js'
import { until } from '../helpers/until.js'
import { startService } from '../helpers/service.js'

const service = await startService(t)
const { pool, request, makeUser, makeCaller, findPermission } = service
const { key, id: boss } = await makeCaller()

const get = (path: string, as = key) => request('GET', path, { key: as })
const rename = (id: number, name: string) =>
  request('PATCH', `/admin/users/${id}/`, { key, body: { first_name: name } })
const idsIn = ({ body }: Answer): number[] => body.results.map(({ id }: { id: number }) => id)
const pathOf = (url: string) => new URL(url).pathname + new URL(url).search
const newest = async () =>
  Number((await pool.query('select max(id) as id from user_admin.audit_event')).rows[0].id ?? 0)

/** As a writer of the service does, in a transaction of the test's own. */
const INSERT = `insert into user_admin.audit_event (request_id, action, outcome, target_type, changes)
  values ($1, 'user.update', 'applied', 'user', '{}')`

t.test('the history of a user is its own, newest first, page by page', async (t) => {
  const [id, other] = [await makeUser(), await makeUser()]
  for (const name of ['One', 'Two', 'Three']) await rename(id, name)
  await rename(other, 'Other')
  const { status, body } = await get(`/admin/users/${id}/history/`)
  t.match({ status, body }, { status: 200, body: { count: 3, next: null, previous: null } })
  t.strictSame(
    body.results.map(({ changes }: any) => changes),
    [{ first_name: ['Two', 'Three'] }, { first_name: ['One', 'Two'] }, { first_name: ['Ada', 'One'] }],
  )
  t.match(body.results[0], {
    actor_id: boss,
    credential: /^api_key:\d+$/,
    action: 'user.update',
    outcome: 'applied',
    target_type: 'user',
    target_id: id,
    occurred_at: /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}Z$/,
  })
  const first = await get(`/admin/users/${id}/history/?cursor=&page_size=2`)
  const second = await get(pathOf(first.body.next))
  t.strictSame([...idsIn(first), ...idsIn(second)], idsIn({ body } as Answer))
})

t.test('the history of a deleted user stays; nobody has none', async (t) => {
  const id = await makeUser()
  t.equal((await get(`/admin/users/${id}/history/`)).body.count, 0)
  t.equal((await request('DELETE', `/admin/users/${id}/`, { key })).status, 204)
  t.equal((await get(`/admin/users/${id}/`)).status, 404)
  t.match(await get(`/admin/users/${id}/history/`), {
    status: 200,
    body: { results: [{ action: 'user.delete', changes: { first_name: ['Ada', null] } }] },
  })
  for (const nobody of ['999999', 'x', '0'])
    t.equal((await get(`/admin/users/${nobody}/history/`)).status, 404)
})

t.test('events are found by what they tell', async (t) => {
  const change = await findPermission('change_user')
  const limited = await makeCaller({ is_superuser: false, user_permissions: [change] })
  const id = await makeUser()
  await rename(id, 'Seen')
  await request('PATCH', `/admin/users/${id}/`, { key: limited.key, body: { is_superuser: true } })
  const group = await request('POST', '/admin/groups/', { key, body: { name: 'watched' } })
  const { body: all } = await get('/admin/events/?page_size=1000')
  t.equal(all.count, all.results.length)
  const cases: [string, (event: any) => boolean][] = [
    ['action=group.create', ({ action }) => action === 'group.create'],
    ['outcome=refused', ({ outcome }) => outcome === 'refused'],
    [`actor=${limited.id}`, ({ actor_id }) => actor_id === limited.id],
    [`target_type=user&target=${id}`, (event) => event.target_type === 'user' && event.target_id === id],
    ['target_type=group', ({ target_type }) => target_type === 'group'],
    ['occurred_at__lt=2020-01-01T00:00:00Z', () => false],
    [
      `occurred_at__gte=${all.results[1].occurred_at}`,
      ({ occurred_at }) => occurred_at >= all.results[1].occurred_at,
    ],
  ]
  for (const [query, fits] of cases) {
    const { body } = await get(`/admin/events/?page_size=1000&${query}`)
    t.strictSame(body.results, all.results.filter(fits), query)
  }
  t.match(all.results[0], { action: 'group.create', target_id: group.body.id })
  const up = await get('/admin/events/?ordering=id&page_size=1000&fields=id')
  t.strictSame(
    up.body.results,
    all.results.toReversed().map(({ id }: any) => ({ id })),
  )
})

t.test('parameters that make no sense are refused', async (t) => {
  const wrong = [
    'after=-1',
    'after=x',
    'after=01',
    'wait=5',
    'after=0&wait=31',
    'after=0&page=1',
    'after=0&cursor=',
    'after=0&count=true',
    'after=0&ordering=id',
    'action=user.explode',
    'actor=me',
    'occurred_at__gt=yesterday',
  ]
  for (const query of wrong) {
    const { status, body } = await get(`/admin/events/?${query}`)
    t.match(
      { status, body },
      { status: 400, body: { code: 'invalid', detail: /^The URL is not valid: / } },
      query,
    )
  }
  const nobody = await makeCaller({
    is_superuser: false,
    user_permissions: [await findPermission('change_user')],
  })
  t.equal((await get('/admin/events/', nobody.key)).status, 403)
  t.equal((await get('/admin/events/?after=0', nobody.key)).status, 403)
  t.equal((await request('GET', '/admin/events/?after=0')).status, 401)
})

t.test('the feed goes on from where it was, filters included', async (t) => {
  const id = await makeUser()
  const start = await newest()
  for (const name of ['A', 'B', 'C', 'D', 'E']) await rename(id, name)
  const seen: number[] = []
  let next = `/admin/events/?after=${start}&page_size=2`
  for (let pages = 0; pages < 4; pages++) {
    const page = await get(next)
    t.equal(page.body.count, null)
    t.match(page.headers.link, `<${page.body.next}>; rel="next"`)
    seen.push(...idsIn(page))
    next = pathOf(page.body.next)
  }
  t.equal(seen.length, 5)
  t.strictSame(
    seen,
    seen.toSorted((a, b) => a - b),
  )
  const filtered = await get(`/admin/events/?after=${start}&page_size=2&action=group.delete`)
  t.strictSame(filtered.body.results, [], 'nothing of the kind')
  t.equal(
    pathOf(filtered.body.next),
    `/admin/events/?action=group.delete&after=${await newest()}&page_size=2`,
  )
})

t.test('a request waits for an event, and no longer than it must', async (t) => {
  const id = await makeUser()
  const start = await newest()
  let isAnswered = false
  const waiting = get(`/admin/events/?after=${start}&wait=20&action=user.update`).finally(
    () => (isAnswered = true),
  )
  const group = await request('POST', '/admin/groups/', { key, body: { name: 'not waited for' } })
  await sleep(600)
  t.notOk(isAnswered, 'not for another kind of event')
  await rename(id, 'Awaited')
  const { body } = await waiting
  t.match(body.results, [{ target_id: id, changes: { first_name: ['Ada', 'Awaited'] } }])
  t.equal(group.status, 201)
  const none = await get(`/admin/events/?after=${await newest()}&wait=1`)
  t.match(none, { status: 200, body: { results: [] } })
})

t.test('a transaction that commits late is not skipped, and holds up nothing that is in order', async (t) => {
  const start = await newest()
  const late = await pool.connect()
  await late.query('begin')
  await late.query(INSERT, ['late'])
  await pool.query(INSERT, ['early'])
  let isAnswered = false
  const reading = get(`/admin/events/?after=${start}`).finally(() => (isAnswered = true))
  await sleep(300)
  t.notOk(isAnswered, 'the one before it is waited for')
  await late.query('commit')
  const names = (await reading).body.results.map(({ request_id }: any) => request_id)
  t.strictSame(names, ['late', 'early'])

  await late.query('begin')
  await late.query(INSERT, ['rolled back'])
  await pool.query(INSERT, ['after the gap'])
  const other = get(`/admin/events/?after=${start + 2}`)
  await late.query('rollback')
  t.strictSame(
    (await other).body.results.map(({ request_id }: any) => request_id),
    ['after the gap'],
  )
  await late.query('begin')
  await late.query(INSERT, ['still open'])
  const inOrder = await get(`/admin/events/?after=${start}&page_size=2`)
  t.equal(inOrder.body.results.length, 2, 'what has no gap is answered at once')
  await late.query('rollback')
  late.release()
})

t.test('many writers, one consumer: every event once, each user in its order', async (t) => {
  const start = await newest()
  const users = await Promise.all(Array.from({ length: 12 }, () => makeUser()))
  const second = await startService(t, {}, service.database)
  let isWriting = true
  const writers = [service, second].flatMap((one, replica) =>
    Array.from({ length: 6 }, async (_, writer) => {
      for (let turn = 0; turn < 40; turn++) {
        const id = users[(writer * 7 + turn) % users.length]!
        // Refusals by the database roll transactions back, and leave gaps.
        const username = turn % 5 === 0 ? `taken-${turn}` : undefined
        await one.request('PATCH', `/admin/users/${id}/`, {
          key,
          body: { first_name: `r${replica}w${writer}t${turn}`, ...(username && { username }) },
        })
      }
    }),
  )
  // Slow ones, of whom a fifth roll back.
  const slow = Array.from({ length: 4 }, async () => {
    const client = await pool.connect()
    for (let turn = 0; turn < 60; turn++) {
      await client.query('begin')
      await client.query(INSERT, ['slow'])
      await sleep(Math.random() * 10)
      await client.query(turn % 5 === 0 ? 'rollback' : 'commit')
    }
    client.release()
  })
  const done = Promise.all([...writers, ...slow]).then(() => (isWriting = false))
  const seen: any[] = []
  let next = `/admin/events/?after=${start}&page_size=7`
  for (;;) {
    const wasWriting = isWriting
    const { status, body } = await second.request('GET', next, { key })
    if (status !== 200) t.fail(`${status} ${body.detail}`)
    seen.push(...body.results)
    next = pathOf(body.next)
    if (body.results.length === 0 && !wasWriting) break
  }
  await done
  const { rows } = await pool.query('select id::int from user_admin.audit_event where id > $1 order by id', [
    start,
  ])
  t.strictSame(
    seen.map(({ id }) => id),
    rows.map(({ id }) => id),
    `${rows.length} events, each once and in order`,
  )
  const last = new Map<number, string>()
  for (const { target_id, changes } of seen.filter(({ changes }) => changes.first_name)) {
    const [before, after] = changes.first_name
    if (last.has(target_id) && last.get(target_id) !== before) t.fail(`event out of order for ${target_id}`)
    last.set(target_id, after)
  }
})

t.test('who follows from before what was removed is told', async (t) => {
  const id = await makeUser()
  const start = await newest()
  await rename(id, 'Old')
  const old = await newest()
  await rename(id, 'New')
  await pool.query(
    "update user_admin.audit_event set occurred_at = now() - interval '40 days' where id <= $1",
    [old],
  )
  const keeping = await startService(t, { AUDIT_RETENTION_DAYS: '30' }, service.database)
  await until(async () => {
    const { rowCount } = await pool.query('select from user_admin.audit_event where id <= $1', [old])
    return rowCount === 0
  })
  t.match(await keeping.request('GET', `/admin/events/?after=${start}`, { key }), {
    status: 410,
    body: { code: 'events_gone' },
  })
  t.match((await get(`/admin/events/?after=${old}`)).body.results, [
    { changes: { first_name: ['Old', 'New'] } },
  ])
  t.equal((await get('/admin/events/?after=0')).body.results[0].id, old + 1, 'from the oldest that is kept')
  t.equal(
    (await get(`/admin/events/?after=${(await newest()) + 1}`)).status,
    410,
    'nor is there such an event',
  )
})

t.test('a trail that was removed as a whole is no reason to begin again', async (t) => {
  const end = await newest()
  await pool.query("update user_admin.audit_event set occurred_at = now() - interval '40 days'")
  await startService(t, { AUDIT_RETENTION_DAYS: '30' }, service.database)
  await until(async () => (await newest()) === 0)
  for (const after of [end, 0]) {
    const { status, body } = await get(`/admin/events/?after=${after}`)
    t.match({ status, body }, { status: 200, body: { results: [] } }, `after=${after}`)
  }
  t.equal((await get(`/admin/events/?after=${end - 1}`)).status, 410)
  await rename(await makeUser(), 'Next')
  t.equal((await get(`/admin/events/?after=${end}`)).body.results.length, 1)
})

t.test('a filter that lets nothing through ends where it is, and goes on from there', async (t) => {
  await pool.query(
    `insert into user_admin.audit_event (request_id, action, outcome, target_type, changes)
     select 'many', 'user.update', 'applied', 'user', '{}' from generate_series(1, 30000)`,
  )
  let next = `/admin/events/?after=0&page_size=1&action=api_key.revoke`
  for (let requests = 1; ; requests++) {
    const { body } = await get(next)
    t.strictSame(body.results, [])
    const reached = new URL(body.next).searchParams.get('after')
    if (reached === String(await newest())) break
    t.ok(requests < 30, 'not one by one')
    next = pathOf(body.next)
  }
})

t.test('events tell of groups too, and whoever may not read those gets none', async (t) => {
  const view = await findPermission('view_user')
  const limited = await makeCaller({ is_superuser: false, user_permissions: [view] })
  for (const path of ['/admin/events/', '/admin/events/?after=0'])
    t.match(await get(path, limited.key), { status: 403, body: { missing_permissions: ['auth.view_group'] } })
  t.equal((await get(`/admin/users/${limited.id}/history/`, limited.key)).status, 200)
})

t.test('a group that is deleted says who lost what', async (t) => {
  const group = await service.makeGroup([await findPermission('view_user')])
  const member = await makeUser({ groups: [group] })
  t.equal((await request('DELETE', `/admin/groups/${group}/`, { key })).status, 204)
  const { body } = await get(`/admin/events/?target_type=group&target=${group}`)
  t.match(body.results, [{ action: 'group.delete', changes: { users: [[member], null] } }])
})

t.test('who waits does so by a clock that never jumps', async (t) => {
  const waiting = request('GET', `/admin/events/?after=${await newest()}&wait=1`, { key })
  await sleep(300)
  setClockBack(t)
  const patience = sleep(20_000, undefined, { ref: false }).then(() => undefined)
  t.match(await Promise.race([waiting, patience]), { status: 200 })
})

t.test('who waits is answered when the service ends', async (t) => {
  const ending = await startService(t, {}, service.database)
  const waiting = ending.request('GET', `/admin/events/?after=${await newest()}&wait=30`, { key })
  await sleep(300)
  const started = Date.now()
  await ending.close()
  t.equal((await waiting).status, 200)
  t.ok(Date.now() - started < 20_000, 'long before its time is over')
})
