// What is repeated, when, and that it is done once: the service behind a network that fails.
import t from 'tap'
import { dataOf, makeClient, type RetryOptions } from '../../src/client/index.js'
import { realTiming } from '../../src/client/timing.js'
import type { Reply } from '../helpers/answering-server.js'
import { type Fate, startFaultProxy } from '../helpers/fault-proxy.js'
import { startService } from '../helpers/service.js'
import { fakeTiming } from './timing.js'

const service = await startService(t)
const { key } = await service.makeCaller()
const NOW = Date.parse('2026-01-01T00:00:00Z')

/** A client whose requests meet these fates, one after the other. */
async function clientMeeting(
  t: { teardown(fn: () => unknown): unknown },
  fates: Fate[],
  retries: RetryOptions = {},
) {
  const { url, seen } = await startFaultProxy(t, service.url, fates)
  const timing = fakeTiming(NOW)
  return { client: makeClient({ baseUrl: url, key, retries, timing }), seen, waits: timing.waits }
}

const problem = (status: number, code: string, retryAfter?: string): Reply => ({
  status,
  headers: {
    'content-type': 'application/problem+json',
    ...(retryAfter === undefined ? {} : { 'retry-after': retryAfter }),
  },
  body: JSON.stringify({ type: '', title: code, status, code }),
})
const BUSY = problem(503, 'busy', '2')

/** How many users have this name. */
async function countOf(username: string): Promise<number> {
  const { body } = await service.request('GET', `/admin/users/?username=${username}`, { key })
  return body.count
}
const newUser = (username: string) => ({ username, password: 'correct horse battery staple' })

t.test('a read is repeated until it is answered', async (t) => {
  for (const fate of ['lost', 'unanswered', 'cut', { status: 502 }, { status: 504 }] as const) {
    const { client, seen, waits } = await clientMeeting(t, [fate, fate])
    t.equal((await client.GET('/admin/me/')).response.status, 200, JSON.stringify(fate))
    t.equal(seen.length, 3)
    t.same(waits, [150, 300], 'twice as long each time')
  }
})

t.test('Retry-After is waited for, in seconds or as a date', async (t) => {
  const date = new Date(NOW + 7_000).toUTCString()
  const fates = [BUSY, problem(429, 'too_many_requests', '60'), problem(503, 'unavailable', date)]
  const { client, waits } = await clientMeeting(t, fates)
  t.equal((await client.GET('/admin/me/')).response.status, 200)
  t.same(waits, [2_000, 60_000, 7_000])
})

t.test('a Retry-After that is too long is the caller’s to wait for', async (t) => {
  const { client, seen } = await clientMeeting(t, [problem(429, 'too_many_requests', '61')])
  const error = await dataOf(client.GET('/admin/me/')).catch((error) => error)
  t.match(error, { code: 'too_many_requests', retryAfterSeconds: 61 })
  t.equal(seen.length, 1)
})

t.test('it is tried five times, or as often as asked, and then it fails as it did', async (t) => {
  const lost = Array<Fate>(10).fill('lost')
  const { client, seen } = await clientMeeting(t, [...lost])
  await t.rejects(client.GET('/admin/me/'), { name: 'TypeError', message: 'fetch failed' })
  t.equal(seen.length, 5)
  const twice = await clientMeeting(t, Array<Fate>(10).fill(BUSY), { attempts: 2 })
  t.equal((await twice.client.GET('/admin/me/')).error?.code, 'busy')
  t.equal(twice.seen.length, 2)
  const once = await clientMeeting(t, [...lost], { attempts: 1 })
  await t.rejects(once.client.GET('/admin/me/'))
  t.equal(once.seen.length, 1)
})

t.test('a change whose answer is lost is repeated under its key, and done once', async (t) => {
  for (const fate of ['lost', 'unanswered', 'cut'] as const) {
    const { client, seen } = await clientMeeting(t, [fate])
    const username = `once-${fate}`
    const { data, response } = await client.POST('/admin/users/', { body: newUser(username) })
    t.equal(data?.username, username)
    t.equal(response.headers.get('idempotent-replayed'), fate === 'lost' ? null : 'true')
    t.equal(await countOf(username), 1)
    const keys = seen.map(({ headers }) => headers['idempotency-key'])
    t.match(keys[0], /^"[0-9a-f]{32}"$/)
    t.same(keys, [keys[0], keys[0]])
  }
})

t.test('a deletion whose answer is lost is no 404', async (t) => {
  const id = await service.makeUser()
  const { client } = await clientMeeting(t, ['unanswered'])
  const { response } = await client.DELETE('/admin/users/{id}/', { params: { path: { id: String(id) } } })
  t.equal(response.status, 204)
})

t.test('the key of the caller is kept, and each change has another', async (t) => {
  const { client, seen } = await clientMeeting(t, [])
  const header = { 'idempotency-key': '"mine"' }
  await client.POST('/admin/users/', { params: { header }, body: newUser('with-key') })
  for (const name of ['other-1', 'other-2']) await client.POST('/admin/users/', { body: newUser(name) })
  await client.GET('/admin/me/')
  const keys = seen.map(({ headers }) => headers['idempotency-key'])
  t.equal(keys[0], '"mine"')
  t.equal(new Set(keys.slice(0, 3)).size, 3)
  t.equal(keys[3], undefined, 'a read needs none')
})

t.test('while the first request is still being done, its repetition waits', async (t) => {
  const { client, waits } = await clientMeeting(t, [problem(409, 'request_in_progress', '1')])
  const { response } = await client.POST('/admin/users/', { body: newUser('in-progress') })
  t.equal(response.status, 201)
  t.same(waits, [1_000])
})

t.test('without keys a POST is repeated only where nothing was done', async (t) => {
  const retries = { idempotencyKeys: false }
  const lost = await clientMeeting(t, ['unanswered'], retries)
  await t.rejects(lost.client.POST('/admin/users/', { body: newUser('perhaps') }), { name: 'TypeError' })
  t.equal(lost.seen.length, 1)
  t.equal(lost.seen[0]!.headers['idempotency-key'], undefined)
  const unknown = await clientMeeting(t, [problem(503, 'unavailable', '1')], retries)
  t.equal((await unknown.client.POST('/admin/users/', { body: newUser('x') })).error?.code, 'unavailable')
  const limited = await clientMeeting(t, [problem(429, 'too_many_requests', '1')], retries)
  t.equal((await limited.client.POST('/admin/users/', { body: newUser('y') })).response.status, 201)
})

t.test('refusals are not repeated', async (t) => {
  const { client, seen } = await clientMeeting(t, [
    problem(409, 'last_superuser'),
    problem(500, 'internal_error'),
  ])
  t.equal((await client.POST('/admin/users/', { body: newUser('z') })).error?.code, 'last_superuser')
  t.equal((await client.GET('/admin/me/')).error?.code, 'internal_error')
  t.equal(seen.length, 2)
})

t.test('an aborted signal ends the wait and the repetition', async (t) => {
  const { url, seen } = await startFaultProxy(t, service.url, [problem(503, 'busy', '60')])
  const controller = new AbortController()
  const sleep = (ms: number, signal: AbortSignal | undefined) => {
    controller.abort(new Error('enough'))
    return realTiming.sleep(ms, signal)
  }
  const client = makeClient({ baseUrl: url, key, timing: { ...realTiming, sleep } })
  await t.rejects(client.GET('/admin/me/', { signal: controller.signal }), { message: 'enough' })
  t.equal(seen.length, 1)
  await t.rejects(client.GET('/admin/me/', { signal: controller.signal }), { message: 'enough' })
  t.equal(seen.length, 1, 'nor is it sent at all')
})
