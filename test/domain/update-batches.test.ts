// Requests that come together share a transaction, and none is harmed by another.
import t, { type Test } from 'tap'
import { startService } from '../helpers/service.js'

const service = await startService(t)
const { pool, request, makeUser } = service
const { key } = await service.makeCaller()

const changeAll = (ids: number[], change: (id: number) => object) =>
  Promise.all(ids.map((id) => request('PATCH', `/admin/users/${id}/`, { key, body: change(id) })))

/** How often it is tried: on a busy machine requests may arrive one by one. */
const ROUNDS = 10

t.test('updates of different users share transactions', async (t) => {
  let fewest = Infinity
  for (let round = 0; round < ROUNDS && fewest > 20; round++) {
    const ids = await Promise.all(Array.from({ length: 40 }, () => makeUser()))
    const answers = await changeAll(ids, (id) => ({ first_name: `Name ${id}` }))
    t.ok(answers.every(({ status }) => status === 200))
    const { rows } = await pool.query(
      'select count(distinct xmin::text)::int as transactions, count(*)::int as users from auth_user ' +
        "where id = any($1) and first_name = 'Name ' || id",
      [ids],
    )
    t.equal(rows[0].users, 40, 'each has its own value')
    const { rows: events } = await pool.query(
      'select count(*)::int as events, count(distinct target_id)::int as targets from user_admin.audit_event where target_id = any($1)',
      [ids],
    )
    t.same(events, [{ events: 40, targets: 40 }], 'each has its own event')
    fewest = Math.min(fewest, rows[0].transactions)
  }
  t.ok(fewest <= 20, `${fewest} transactions for 40 updates`)
})

t.test('a row that somebody else has locked holds up nobody but its own update', async (t) => {
  const ids = await Promise.all(Array.from({ length: 12 }, () => makeUser()))
  const locker = await pool.connect()
  await locker.query('begin')
  await locker.query('select from auth_user where id = $1 for update', [ids[0]])
  let isHeldUp = true
  const held = changeAll([ids[0]!], () => ({ last_name: 'Held' })).then(([answer]) => {
    isHeldUp = false
    return answer
  })
  const others = await changeAll(ids.slice(1), () => ({ last_name: 'Free' }))
  t.same(
    others.map(({ status }) => status),
    ids.slice(1).map(() => 200),
  )
  t.ok(isHeldUp, 'it still waits')
  await locker.query('rollback')
  locker.release()
  t.equal((await held)?.status, 200)
})

t.test('updates of one user share transactions too, and are done in their order', async (t) => {
  let fewest = Infinity
  for (let round = 0; round < ROUNDS && fewest > 30; round++)
    fewest = Math.min(fewest, await changeOneUser(t))
  t.ok(fewest <= 30, `${fewest} transactions for 60 updates`)
})

/** @returns in how many transactions 60 updates of one user were done */
async function changeOneUser(t: Test): Promise<number> {
  const id = await makeUser()
  const fields = ['first_name', 'last_name', 'email'] as const
  const valueOf = (index: number) => (index % 3 === 2 ? `mail${index}@example.com` : `Value ${index}`)
  const answers = await Promise.all(
    Array.from({ length: 60 }, (_, index) =>
      request('PATCH', `/admin/users/${id}/`, { key, body: { [fields[index % 3]!]: valueOf(index) } }),
    ),
  )
  t.ok(
    answers.every(
      ({ status }, index) => status === 200 && answers[index]!.body[fields[index % 3]!] === valueOf(index),
    ),
  )
  const { rows: events } = await pool.query<{ xmin: string; changes: Record<string, [string, string]> }>(
    'select xmin::text, changes from user_admin.audit_event where target_id = $1 order by id',
    [id],
  )
  t.equal(events.length, 60, 'each has its own event')
  const last: Record<string, string> = {}
  for (const { changes } of events) {
    for (const [field, [before, after]] of Object.entries(changes)) {
      if (field in last && before !== last[field])
        t.fail('an event does not follow the one before it', { changes })
      last[field] = after
    }
  }
  const { rows } = await pool.query('select first_name, last_name, email from auth_user where id = $1', [id])
  t.strictSame(rows, [last], 'the row is what the events say')
  return new Set(events.map(({ xmin }) => xmin)).size
}

t.test(
  'updates of one user that the rules look at keep to themselves, in the order of arrival',
  async (t) => {
    const id = await makeUser()
    const [one, two] = [await service.makeGroup(), await service.makeGroup()]
    const bodies = [
      { groups: [one] },
      { first_name: 'A' },
      { username: `renamed-${id}` },
      { first_name: 'B' },
      { groups: [one, two] },
      { first_name: 'C', is_staff: true },
      { last_name: 'D' },
    ]
    const answers = await Promise.all(
      bodies.map((body) => request('PATCH', `/admin/users/${id}/`, { key, body })),
    )
    t.same(
      answers.map(({ status }) => status),
      bodies.map(() => 200),
    )
    const { rows } = await pool.query(
      'select changes from user_admin.audit_event where target_id = $1 order by id',
      [id],
    )
    t.equal(rows.length, bodies.length)
    t.match((await request('GET', `/admin/users/${id}/`, { key })).body, {
      username: `renamed-${id}`,
      last_name: 'D',
      is_staff: true,
      groups: [one, two],
    })
  },
)

t.test('a change of memberships alone does not write the row of the user', async (t) => {
  const id = await makeUser()
  const versionOf = async () =>
    (await pool.query('select ctid, xmin from auth_user where id = $1', [id])).rows
  const before = await versionOf()
  const group = await service.makeGroup()
  t.equal((await request('PATCH', `/admin/users/${id}/`, { key, body: { groups: [group] } })).status, 200)
  t.strictSame(await versionOf(), before)
  t.equal((await request('PATCH', `/admin/users/${id}/`, { key, body: { first_name: 'New' } })).status, 200)
  t.notSame(await versionOf(), before, 'which is how a written row looks')
})

t.test('a guard that somebody else holds keeps up nobody but the one that needs it', async (t) => {
  const ids = await Promise.all(Array.from({ length: 8 }, () => makeUser()))
  const locker = await pool.connect()
  await locker.query("select pg_advisory_lock(hashtextextended('user_admin.superuser_guard', 0))")
  const held = request('PATCH', `/admin/users/${ids[0]}/`, { key, body: { is_active: false } })
  const others = await changeAll(ids.slice(1), () => ({ last_name: 'Free' }))
  t.same(
    others.map(({ status }) => status),
    ids.slice(1).map(() => 200),
    'a batch that failed for the guard is taken apart, whatever its later statements said',
  )
  await locker.query("select pg_advisory_unlock(hashtextextended('user_admin.superuser_guard', 0))")
  locker.release()
  t.equal((await held).status, 200)
})

t.test('a statement that a change of the tables made stale is prepared anew', async (t) => {
  const id = await makeUser()
  t.equal((await changeAll([id], () => ({ last_name: 'Before' })))[0]?.status, 200)
  await pool.query('alter table auth_user alter column username type varchar(200)')
  const [answer] = await changeAll([id], () => ({ last_name: 'After' }))
  t.match(answer, { status: 200, body: { last_name: 'After' } })
  await pool.query('alter table auth_user alter column username type varchar(150)')
})
