// Requests that come together share a transaction, and none is harmed by another.
import t from 'tap'
import { startService } from '../helpers/service.js'

const service = await startService(t)
const { pool, request, makeUser } = service
const { key } = await service.makeCaller()

const changeAll = (ids: number[], change: (id: number) => object) =>
  Promise.all(ids.map((id) => request('PATCH', `/admin/users/${id}/`, { key, body: change(id) })))

t.test('updates of different users share transactions', async (t) => {
  const ids = await Promise.all(Array.from({ length: 40 }, () => makeUser()))
  const answers = await changeAll(ids, (id) => ({ first_name: `Name ${id}` }))
  t.ok(answers.every(({ status }) => status === 200))
  const { rows } = await pool.query(
    'select count(distinct xmin::text)::int as transactions, count(*)::int as users from auth_user ' +
      "where id = any($1) and first_name = 'Name ' || id",
    [ids],
  )
  t.equal(rows[0].users, 40, 'each has its own value')
  t.ok(rows[0].transactions <= 20, `${rows[0].transactions} transactions for 40 updates`)
  const { rows: events } = await pool.query(
    'select count(*)::int as events, count(distinct target_id)::int as targets from user_admin.audit_event where target_id = any($1)',
    [ids],
  )
  t.same(events, [{ events: 40, targets: 40 }], 'each has its own event')
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
