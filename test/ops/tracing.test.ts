/** Traces: from a request down to its SQL, whoever shared it; of what failed, codes and no texts. */
import { randomBytes } from 'node:crypto'
import t from 'tap'
import { type CollectedSpan, type Collector, startCollector } from '../helpers/collector.js'
import { spawnStart } from '../helpers/cli.js'
import { startIdentityProvider } from '../helpers/identity-provider.js'
import { startService } from '../helpers/service.js'
import { createDatabase } from '../helpers/database.js'

const [UNSET, OK, ERROR] = [0, 1, 2]
const [INTERNAL, SERVER, CLIENT] = [1, 2, 3]

const newId = (bytes: number) => randomBytes(bytes).toString('hex')
const traceparent = (trace: string, span: string, isSampled = true) => ({
  traceparent: `00-${trace}-${span}-${isSampled ? '01' : '00'}`,
})

const parentOf = ({ spans }: Collector, { parentSpanId }: CollectedSpan) =>
  spans.find(({ spanId }) => spanId === parentSpanId)

/** The names from a span up to the root. */
function pathOf(collector: Collector, span: CollectedSpan): string[] {
  const parent = parentOf(collector, span)
  return parent === undefined ? [span.name] : [span.name, ...pathOf(collector, parent)]
}

t.test('one request, from its caller to the commit', async (t) => {
  const collector = await startCollector(t)
  const service = await startService(t, { OTEL_EXPORTER_OTLP_ENDPOINT: `${collector.url}/` })
  const { request, makeCaller, makeUser } = service
  const [{ key }, id] = [await makeCaller(), await makeUser()]
  const [trace, caller] = [newId(16), newId(8)]
  const answer = await request('PATCH', `/admin/users/${id}/?dry_run=false`, {
    key,
    body: { first_name: 'Grace', password: 'a long one' },
    headers: { ...traceparent(trace, caller), tracestate: 'a=b' },
  })
  await request('GET', '/healthz')
  await request('GET', `/admin/users/${id}/`, { key, headers: traceparent(newId(16), newId(8), false) })
  t.equal(answer.status, 200)
  await service.close()

  const { spans, resource } = collector
  t.match(resource, { 'service.name': 'fastify-user-admin', 'service.version': /^\d/ })
  t.ok(
    spans.every(({ traceId }) => traceId === trace),
    'health checks, and what the caller does not record, leave none',
  )
  const [root, ...others] = spans.filter(({ kind }) => kind === SERVER)
  t.same(others, [])
  t.match(root, { name: 'PATCH /admin/users/:id/', parentSpanId: caller, status: { code: OK } })
  t.match(root!.attributes, {
    'http.request.method': 'PATCH',
    'http.route': '/admin/users/:id/',
    'http.response.status_code': 200,
    'url.path': `/admin/users/${id}/`,
    'user_admin.request_id': answer.headers['x-request-id'],
  })
  const paths = spans.map((span) => pathOf(collector, span))
  t.ok(
    paths.every((path) => path.at(-1) === root!.name),
    'all of them are below it',
  )
  const within = ['transaction', 'batch updates', 'submit updates', root!.name]
  const has = (...wanted: string[]) => paths.some((path) => path.join() === wanted.join())
  for (const statement of ['lock_users', 'read_memberships', 'write_users', 'commit'])
    t.ok(has(statement, ...within), statement)
  t.ok(has('hash password', root!.name))
  const written = spans.find(({ name }) => name === 'write_users')!
  t.equal(written.kind, CLIENT)
  t.match(written.attributes, { 'db.system.name': 'postgresql', 'db.query.text': /^with .*\$1/s })
  t.equal(spans.find(({ name }) => name === 'transaction')!.kind, INTERNAL)
  t.notMatch(collector.text(), /Grace|a long one|\$argon2/)
})

t.test('each of many at once finds its SQL, by parents and links', async (t) => {
  const collector = await startCollector(t)
  const service = await startService(t, { OTEL_EXPORTER_OTLP_ENDPOINT: collector.url })
  const { request, makeCaller, makeUser } = service
  const { key } = await makeCaller()
  const ids = await Promise.all(Array.from({ length: 20 }, () => makeUser()))
  await request('GET', '/admin/me/', { key })
  const traces = ids.map(() => newId(16))
  const answers = await Promise.all(
    ids.map((id, index) =>
      request('PATCH', `/admin/users/${id}/`, {
        key,
        body: { first_name: 'Grace' },
        headers: traceparent(traces[index]!, newId(8)),
      }),
    ),
  )
  t.ok(answers.every(({ status }) => status === 200))
  await service.close()

  const { spans } = collector
  const batches = spans.filter(({ name }) => name === 'batch updates')
  t.ok(batches.length < ids.length, `${ids.length} updates were ${batches.length} batches`)
  for (const trace of traces) {
    const own = spans.filter(({ traceId, name }) => traceId === trace && name === 'submit updates')
    t.equal(own.length, 1)
    const { spanId, links } = own[0]!
    const batch = batches.find(
      (batch) => batch.parentSpanId === spanId || links.some((link) => link.spanId === batch.spanId),
    )!
    const isLinkedBack = batch.links.some((link) => link.spanId === spanId && link.traceId === trace)
    t.ok(batch.parentSpanId === spanId || isLinkedBack)
    const path = ['write_users', 'transaction', 'batch updates']
    t.ok(
      spans.some(
        (span) =>
          span.traceId === batch.traceId && pathOf(collector, span).slice(0, 3).join() === path.join(),
      ),
      'it was written there',
    )
  }
  const members = batches.reduce(
    (sum, { attributes }) => sum + Number(attributes['user_admin.batch.size']),
    0,
  )
  t.equal(members, ids.length)
})

t.test('refusals are no failures, and failures tell their code', async (t) => {
  const collector = await startCollector(t)
  const service = await startService(t, {
    OTEL_EXPORTER_OTLP_ENDPOINT: collector.url,
    DATABASE_TIMEOUT_MS: '4000',
  })
  const { request, makeCaller, makeUser, pool } = service
  const [{ key }, id] = [await makeCaller(), await makeUser()]
  const path = `/admin/users/${id}/`
  const refused = await request('PATCH', path, { key, body: { first_name: 7 } })
  const unknown = await request('GET', '/canary/canary?canary', {})
  const client = await pool.connect()
  await client.query('begin')
  await client.query('select from auth_user where id = $1 for update', [id])
  const failed = await request('PATCH', path, { key, body: { first_name: 'canary' } })
  await client.query('rollback')
  client.release()
  t.same([refused.status, unknown.status, failed.status], [400, 404, 503])
  await service.close()

  const root = ({ headers }: { headers: Record<string, unknown> }) =>
    collector.spans.find(({ attributes }) => attributes['user_admin.request_id'] === headers['x-request-id'])!
  t.same(root(refused).status, { code: OK })
  t.match(root(unknown), { name: 'GET', status: { code: OK } })
  t.same(root(failed).status, { code: ERROR }, 'and no message')
  const lock = collector.spans.find(
    ({ name, traceId, status }) =>
      name === 'lock_users' && traceId === root(failed).traceId && status.code === ERROR,
  )
  t.match(lock!.attributes, { 'error.type': /^5[57]\w{3}$/, 'db.response.status_code': /^5[57]\w{3}$/ })
  t.same(lock!.status, { code: ERROR })
  const submitted = collector.spans.filter(
    ({ name, traceId }) => name === 'submit updates' && traceId === root(failed).traceId,
  )
  t.same(
    submitted.map(({ status }) => status.code),
    [ERROR],
  )
  t.ok(collector.spans.every(({ status }) => status.code !== UNSET || !('message' in status)))
  t.notMatch(collector.text().replaceAll('/canary/canary', ''), /canary/)
})

t.test("the identity provider gets the caller's trace", async (t) => {
  const collector = await startCollector(t)
  const provider = await startIdentityProvider(t)
  const service = await startService(t, {
    OTEL_EXPORTER_OTLP_ENDPOINT: collector.url,
    ...provider.settings,
  })
  await service.makeCaller({ username: 'root' })
  const trace = newId(16)
  const { status } = await service.request('GET', '/admin/me/', {
    key: await provider.sign({ sub: 'root' }),
    headers: traceparent(trace, newId(8)),
  })
  t.equal(status, 200)
  await service.close()
  const read = collector.spans.find(({ name }) => name === 'read keys')!
  t.match(read, { kind: CLIENT, traceId: trace })
  t.same(provider.traceparents(), [`00-${trace}-${read.spanId}-01`])
})

t.test('a collector that is away, and what the log has', async (t) => {
  const { url: DATABASE_URL } = await createDatabase(t)
  const service = await spawnStart(t, {
    DATABASE_URL,
    OTEL_EXPORTER_OTLP_ENDPOINT: 'http://127.0.0.1:9',
    OTEL_EXPORTER_OTLP_TIMEOUT: '1000',
    OTEL_BSP_SCHEDULE_DELAY: '100',
  })
  const trace = newId(16)
  const response = await fetch(`${service.url}/admin/me/`, { headers: traceparent(trace, newId(8)) })
  t.equal(response.status, 401)
  service.kill('SIGTERM')
  t.equal(await service.ended, 0)
  const lines = service.output.stdout
    .split('\n')
    .filter((line) => line !== '')
    .map((line) => JSON.parse(line))
  t.match(
    lines.find(({ msg }) => msg === 'request'),
    { trace_id: trace, reqId: response.headers.get('x-request-id') },
  )
  t.ok(lines.some(({ msg, level }) => /traces were not sent/.test(msg) && level === 40))
})
