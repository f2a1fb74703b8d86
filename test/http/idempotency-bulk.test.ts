/** Bulk updates with an Idempotency-Key: each for itself, and one request all the same. */
import t from 'tap'
import { type Keyed, SETTINGS, startKeyed, unique, USERS } from '../helpers/idempotency.js'
import { eventsOf } from '../helpers/observe.js'
import { startService } from '../helpers/service.js'
import { untilLocksAreAwaited } from '../helpers/until.js'

const service = await startKeyed(t)
const second = await startService(t, SETTINGS, service.database)
const { makeUser, pool, root, send, world } = service

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
  await untilLocksAreAwaited(pool)
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
