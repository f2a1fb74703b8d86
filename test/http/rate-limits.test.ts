/** Limits by address and by caller, alone and over replicas, and whose address it is. */
import { setTimeout as sleep } from 'node:timers/promises'
import rateLimit from '@fastify/rate-limit'
import Fastify from 'fastify'
import t, { type Test } from 'tap'
import { Database } from '../../src/db/database.js'
import { countRequest } from '../../src/db/rate-limits.js'
import { userAdmin } from '../../src/plugin.js'
import { setClockBack } from '../helpers/clock.js'
import { createDatabase } from '../helpers/database.js'
import { requester, startService } from '../helpers/service.js'
import { until } from '../helpers/until.js'

const PROXIES = { TRUST_PROXY: '127.0.0.1' }
const from = (address: string) => ({ headers: { 'x-forwarded-for': address } })

async function start(t: Test, settings: object) {
  const service = await startService(t, settings)
  return { ...service, caller: await service.makeCaller() }
}

async function ask(url: string) {
  const { status, headers } = await requester(url)('GET', '/admin/problems/')
  return { status, headers, limit: headers['ratelimit'] as string | undefined }
}

/** On a busy machine a database may be too slow for a request to be counted before it is let through. */
async function askCounted(url: string) {
  for (let asked = 1; asked <= 20; asked++) {
    const answer = await ask(url)
    if (answer.limit !== undefined) return { ...answer, asked }
  }
  throw new Error('No request was counted.')
}

t.test('by address, before anything is looked at', async (t) => {
  const { request, caller } = await start(t, { RATE_LIMIT_PER_ADDRESS: '3', ...PROXIES })
  const me = (address: string, key?: string) => request('GET', '/admin/me/', { key, ...from(address) })
  t.match(await me('192.0.2.1', caller.key), {
    status: 200,
    headers: { 'ratelimit-policy': '"address";q=3;w=60', ratelimit: /^"address";r=2;t=(60|59)$/ },
  })
  t.equal((await me('192.0.2.1')).status, 401, 'bad credentials count')
  t.equal((await request('GET', '/admin/problems/', from('192.0.2.1'))).status, 200)
  const refused = await me('192.0.2.1', caller.key)
  t.match(refused, {
    status: 429,
    headers: { 'retry-after': /^\d+$/, ratelimit: /^"address";r=0;t=\d+$/, 'content-type': /problem\+json/ },
    body: {
      code: 'too_many_requests',
      detail: 'No more than 3 requests a minute are taken from one address.',
    },
  })
  t.equal((await me('192.0.2.2', caller.key)).status, 200, 'others are not concerned')
  for (const address of ['2001:db8::1', '2001:db8::2', '2001:db8::ffff:1'])
    t.equal((await me(address, caller.key)).status, 200)
  t.equal((await me('2001:db8:0:0:1::', caller.key)).status, 429, 'a network of 64 bits is one address')
  t.equal((await request('GET', '/healthz', from('192.0.2.1'))).status, 200, 'a balancer may always ask')
})

t.test('nobody waits for more seconds than the window has', async (t) => {
  const { request } = await start(t, { RATE_LIMIT_PER_ADDRESS: '3', ...PROXIES })
  const told = await Promise.all(
    Array.from({ length: 200 }, (_, index) =>
      request('GET', '/admin/problems/', from(`192.0.2.${index + 1}`)),
    ),
  )
  for (const { headers } of told) t.match(headers['ratelimit'], /^"address";r=2;t=(60|[1-5]\d)$/)
})

t.test('nor where others have begun a window since a transaction began', async (t) => {
  const { pool } = await createDatabase(t)
  const database = new Database(pool, { timeoutMs: 5_000, prepared: false })
  const counted = await database.transaction(async (transaction) => {
    await countRequest(transaction, 'nobody', 60_000)
    await sleep(20)
    await countRequest(database, 'somebody', 60_000)
    return countRequest(transaction, 'somebody', 60_000)
  })
  t.same(counted, { current: 2, ttl: 60_000 })
})

t.test('by caller, wherever the requests come from', async (t) => {
  const { request, caller, makeKey, makeCaller } = await start(t, { RATE_LIMIT_PER_CALLER: '2', ...PROXIES })
  const other = await makeCaller()
  const me = async (key: string, address: string) =>
    (await request('GET', '/admin/me/', { key, ...from(address) })).status
  t.equal(await me(caller.key, '192.0.2.1'), 200)
  t.equal(await me(caller.key, '192.0.2.2'), 200)
  t.equal(await me(caller.key, '192.0.2.3'), 429)
  t.equal(await me(other.key, '192.0.2.1'), 200)
  t.equal(await me(await makeKey(caller.id), '192.0.2.1'), 200, 'another key counts by itself')
  t.equal(await me('nonsense', '192.0.2.1'), 401, 'nobody is known')
})

t.test('both at once are told', async (t) => {
  const { request, caller } = await start(t, { RATE_LIMIT_PER_ADDRESS: '9', RATE_LIMIT_PER_CALLER: '5' })
  const { headers } = await request('GET', '/admin/me/', { key: caller.key })
  t.equal(headers['ratelimit-policy'], '"address";q=9;w=60, "caller";q=5;w=60')
  t.match(headers['ratelimit'], /^"address";r=8;t=\d+, "caller";r=4;t=\d+$/)
})

t.test('replicas count together, and a database that does not answer lets requests through', async (t) => {
  const settings = { RATE_LIMIT_PER_ADDRESS: '20', RATE_LIMIT_SHARED: 'on' }
  const { url, database, pool } = await start(t, settings)
  const second = await startService(t, settings, database)
  const all = await Promise.all(Array.from({ length: 30 }, (_, index) => ask(index % 2 ? url : second.url)))
  const remaining = all.filter(({ status, limit }) => status === 200 && limit).map(({ limit }) => limit)
  t.equal(new Set(remaining).size, remaining.length, 'no two replicas have counted the same')
  t.equal((await askCounted(second.url)).status, 429)
  t.equal((await askCounted(url)).status, 429)

  await pool.query("update user_admin.request_count set resets_at = now() - interval '1 second'")
  t.equal((await ask(url)).status, 429, 'who came too often waits, whatever the database says')
  const third = await startService(t, settings, database)
  const { status, asked } = await askCounted(third.url)
  t.equal(status, 200, 'a new window')
  const { rows } = await pool.query("select count from user_admin.request_count where key <> 'start'")
  t.strictSame(rows, [{ count: asked }])
  await pool.query('update user_admin.request_count set count = 100')
  const locker = await pool.connect()
  await locker.query('begin; lock table user_admin.request_count in access exclusive mode')
  t.match(await ask(third.url), { status: 200, limit: undefined })
  await locker.query('rollback')
  locker.release()
  t.equal((await askCounted(third.url)).status, 429)
})

for (const RATE_LIMIT_SHARED of ['off', 'on']) {
  t.test(`a clock that is set back does not keep anybody out (shared: ${RATE_LIMIT_SHARED})`, async (t) => {
    const { url } = await start(t, { RATE_LIMIT_PER_ADDRESS: '1', RATE_LIMIT_SHARED })
    await until(async () => (await ask(url)).status === 429)
    setClockBack(t)
    const { status, headers } = await ask(url)
    t.equal(status, 429)
    t.ok(Number(headers['retry-after']) <= 60, `for ${headers['retry-after']} s more`)
  })
}

t.test('limits that could not be kept fail the start', async (t) => {
  const { database, pool } = await start(t, {})
  const rateLimits = { perAddress: 1 }
  const host = Fastify()
  await host.register(rateLimit, { global: false })
  await t.rejects(
    async () => host.register(userAdmin, { prefix: '/admin', database: database.url, rateLimits }),
    {
      message: /The host limits rates/,
    },
  )
  await pool.query('drop table user_admin.request_count')
  const settings = { RATE_LIMIT_PER_ADDRESS: '1', RATE_LIMIT_SHARED: 'on' }
  await t.rejects(startService(t, settings, database), {
    message: /needs the grants on user_admin.request_count/,
  })
  await t.rejects(startService(t, { RATE_LIMIT_SHARED: 'on' }, database), {
    message: /RATE_LIMIT_SHARED needs/,
  })
})

t.test('nobody is limited by default', async (t) => {
  const { request, caller } = await start(t, {})
  const { headers } = await request('GET', '/admin/me/', { key: caller.key })
  t.equal(headers['ratelimit'], undefined)
})

t.test('who is no trusted proxy is whoever it is', async (t) => {
  for (const settings of [{}, { TRUST_PROXY: '10.0.0.0/8' }]) {
    const { request } = await start(t, { RATE_LIMIT_PER_ADDRESS: '1', ...settings })
    const statuses = []
    for (const address of ['192.0.2.1', '192.0.2.2'])
      statuses.push((await request('GET', '/admin/problems/', from(address))).status)
    t.strictSame(statuses, [200, 429], JSON.stringify(settings))
  }
})

t.test('links are made for whoever asks the proxy', async (t) => {
  const headers = { 'x-forwarded-proto': 'https', 'x-forwarded-host': 'directory.example' }
  for (const [settings, base] of [
    [PROXIES, 'https://directory.example'],
    [{}, 'http://127.0.0.1:'],
  ] as const) {
    const { request, caller, makeUser } = await start(t, settings)
    await makeUser()
    const { body } = await request('GET', '/admin/users/?page_size=1', { key: caller.key, headers })
    t.ok(body.next.startsWith(base), body.next)
  }
})

t.test('settings that would trust everybody', async (t) => {
  for (const TRUST_PROXY of ['true', '0.0.0.0/0', '::/0', '10.0.0.0/33', 'proxy.example', '10.0.0.1/8/8'])
    await t.rejects(
      startService(t, { TRUST_PROXY }),
      { message: /TRUST_PROXY=.* must be addresses or networks/ },
      TRUST_PROXY,
    )
})
