// The feed, as somebody follows it who is cut off, stops and comes back.
import t from 'tap'
import { type Event, makeClient } from '../../src/client/index.js'
import { startFaultProxy } from '../helpers/fault-proxy.js'
import { startService } from '../helpers/service.js'
import { fakeTiming } from './timing.js'

const service = await startService(t)
const { key } = await service.makeCaller()
const client = makeClient({ baseUrl: service.url, key })
const id = await service.makeUser()

const rename = (name: string) => client.update(id, () => ({ first_name: name }))
const nameIn = (event: Event): unknown => (event.changes['first_name'] as unknown[])[1]

async function take(events: AsyncIterable<Event>, count = Infinity): Promise<Event[]> {
  const taken: Event[] = []
  for await (const event of events) if (taken.push(event) >= count) break
  return taken
}

t.test('all that happened, in order, and then it ends where it is asked not to wait', async (t) => {
  for (const name of ['One', 'Two', 'Three']) await rename(name)
  for (const page_size of [1, 2, 100]) {
    const all = await take(client.events({ wait: 0, page_size }))
    t.same(all.map(nameIn), ['One', 'Two', 'Three'])
    t.match(all[0], { action: 'user.update', outcome: 'applied', target_type: 'user', target_id: id })
  }
})

t.test('who stopped goes on behind the last event that was dealt with', async (t) => {
  const first = await take(client.events(), 2)
  const rest = await take(client.events({ after: first.at(-1)!.id }), 1)
  t.same([...first, ...rest].map(nameIn), ['One', 'Two', 'Three'])
})

t.test('who waits is told what happens', async (t) => {
  const [last] = (await take(client.events({ wait: 0 }))).slice(-1)
  const following = take(client.events({ after: last!.id, wait: 1 }), 2)
  await rename('Four')
  await rename('Five')
  t.same((await following).map(nameIn), ['Four', 'Five'])
})

t.test('connections that are lost lose no event, and repeat none', async (t) => {
  const fates = [undefined, 'unanswered', 'cut', 'lost', undefined, 'cut'] as const
  const { url, seen } = await startFaultProxy(t, service.url, [...fates])
  const fragile = makeClient({ baseUrl: url, key, timing: fakeTiming() })
  const all = await take(fragile.events({ wait: 0, page_size: 1 }))
  t.same(all.map(nameIn), ['One', 'Two', 'Three', 'Four', 'Five'])
  t.ok(seen.length > fates.length)
})

t.test('a filter that lets nothing through does not end it', async (t) => {
  await client.PATCH('/admin/users/{id}/', {
    params: { path: { id: String(id) } },
    body: { is_superuser: true, is_staff: true },
  })
  const { url, seen } = await startFaultProxy(t, service.url)
  const filtered = makeClient({ baseUrl: url, key }).events({ action: 'group.create', wait: 0 })
  t.same(await take(filtered), [])
  t.equal(seen.length, 2, 'the first answer moved on, the second said that this is the end')
})

t.test('a service that answers at once is not asked without pause', async (t) => {
  const timing = fakeTiming()
  const controller = new AbortController()
  const sleep = async (ms: number, signal: AbortSignal | undefined) => {
    if (timing.waits.length === 3) controller.abort(new Error('enough'))
    await timing.sleep(ms, signal)
  }
  const body = JSON.stringify({ count: null, next: '/admin/events/?after=9', previous: null, results: [] })
  const headers = { 'content-type': 'application/json' }
  const fates = Array.from({ length: 20 }, () => ({ status: 200, headers, body }))
  const { url, seen } = await startFaultProxy(t, service.url, fates)
  const client = makeClient({ baseUrl: url, key, timing: { ...timing, sleep } })
  await t.rejects(take(client.events({ after: 9, signal: controller.signal }), 1), { message: 'enough' })
  t.same(timing.waits, [200, 200, 200, 200])
  t.equal(seen.length, 4)
})

t.test('an aborted signal ends a request that waits', async (t) => {
  const [last] = (await take(client.events({ wait: 0 }))).slice(-1)
  const controller = new AbortController()
  const waiting = take(client.events({ after: last!.id, signal: controller.signal }), 1)
  setTimeout(() => controller.abort(new Error('enough')), 100)
  await t.rejects(waiting, { message: 'enough' })
})

t.test('events that are gone are told of', async (t) => {
  const never = client.events({ after: 1_000_000_000 })
  await t.rejects(never.next(), { name: 'ProblemError', code: 'events_gone', status: 410 })
})
