/** Requests with an Idempotency-Key are done once, however often they come. */
import t from 'tap'
import {
  isReplay,
  type Keyed,
  nameOf,
  SETTINGS,
  startKeyed,
  told,
  unique,
  userPath,
  USERS,
} from '../helpers/idempotency.js'
import { startService } from '../helpers/service.js'

const service = await startKeyed(t)
const second = await startService(t, SETTINGS, service.database)
const { request, makeUser, root, send, world, everyRequest, A } = service

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
