// What nobody may see: passwords, hashes and keys, in any answer, log line, error, audit event, trace or metric.
import t from 'tap'
import { spawnStart } from './helpers/cli.js'
import { startCollector } from './helpers/collector.js'
import { freePort } from './helpers/free-port.js'
import { startIdentityProvider } from './helpers/identity-provider.js'
import { requester, startService } from './helpers/service.js'

const CANARY = 'canary_4f1d9a'

t.test('no secret reaches an answer, the log, the audit, a trace or a metric', async (t) => {
  const seeded = await startService(t)
  const { id, key } = await seeded.makeCaller({ username: 'root' })
  const provider = await startIdentityProvider(t)
  const [jwt, forged] = [
    await provider.sign({ sub: 'root' }),
    await provider.sign({ sub: 'root', aud: CANARY }),
  ]
  const collector = await startCollector(t)
  const METRICS_PORT = String(await freePort())
  const service = await spawnStart(t, {
    ...provider.settings,
    OTEL_EXPORTER_OTLP_ENDPOINT: collector.url,
    METRICS_PORT,
    DATABASE_URL: seeded.databaseUrl,
    LOG_LEVEL: 'trace',
  })
  const request = requester(service.url)
  const path = `/admin/users/${id}/`
  const patch = (body: unknown) => request('PATCH', path, { key, body })
  const json = { 'content-type': 'application/json' }
  const patchType = { 'content-type': 'application/json-patch+json' }
  const once = { 'idempotency-key': '"8e03978e-40d5-43dd-bc93-6894a57f9324"' }
  const operations = (...list: object[]) =>
    request('PATCH', path, { key, rawBody: JSON.stringify(list), headers: patchType })
  const set = (value: unknown) => ({ op: 'replace', path: '/password', value })

  const answers = [
    await patch({ password: CANARY }),
    await patch({ password: `${CANARY}${'x'.repeat(128)}` }),
    await patch({ password: { nested: CANARY } }),
    await patch({ password: CANARY, username: '' }),
    await patch({ password: `argon2$${CANARY}` }),
    await patch({ password: `${CANARY}$********` }),
    await request('PATCH', path, { key, rawBody: `{"password": "${CANARY}`, headers: json }),
    await request('PATCH', path, { key, rawBody: `{"password": "${CANARY}", "password": 1}`, headers: json }),
    await request('PATCH', path, { key, rawBody: CANARY, headers: { 'content-type': 'text/plain' } }),
    await request('PATCH', `${path}?format=${CANARY}`, { key, body: {} }),
    await request('GET', path, { headers: { authorization: `Bearer uak_${CANARY}` } }),
    await request('GET', path, { headers: { authorization: `Token ${CANARY}` } }),
    await request('GET', path, { headers: { authorization: `Basic ${CANARY}` } }),
    await request('GET', path, { key }),
    await request('PATCH', path, { key, body: { password: CANARY }, headers: once }),
    await request('PATCH', path, { key, body: { password: CANARY }, headers: once }),
    await request('PATCH', path, { key, body: { password: `${CANARY}2` }, headers: once }),
    await request('PATCH', path, { key, body: { password: CANARY }, headers: { 'if-match': '"x"' } }),
    await request('PATCH', `${path}?dry_run=true`, { key, body: { password: CANARY } }),
    await operations(set(CANARY)),
    await operations(set([CANARY])),
    await operations(set(CANARY), { op: 'test', path: '/first_name', value: CANARY }),
    await operations({ op: 'test', path: '/password', value: CANARY }),
    await request('PATCH', path, { key: jwt, body: { password: CANARY } }),
    await request('PATCH', path, { key: forged, body: { password: CANARY } }),
    await request('PATCH', path, { key: `${jwt}x`, body: { password: CANARY } }),
  ]
  t.same(
    answers.map(({ status }) => status),
    [
      ...[200, 400, 400, 400, 200, 400, 400, 400, 415, 400, 401, 401, 401, 200],
      ...[200, 200, 422, 412, 200, 200, 400, 409, 400],
      ...[200, 401, 401],
    ],
  )
  const { rows: stored } = await seeded.pool.query('select password from auth_user where id = $1', [id])
  const tokens = [jwt, forged].map((token) => token.split('.').at(-1))
  const secrets = [CANARY, key, stored[0].password, stored[0].password.split('$').at(-1), ...tokens]
  const { rows: events } = await seeded.pool.query('select e::text from user_admin.audit_event e')
  t.equal(events.length, 5, 'the changes')
  const { rows: kept } = await seeded.pool.query('select a::text from user_admin.idempotent_answer a')
  t.equal(kept.length, 1, 'an answer is kept')
  const metrics = await (await fetch(`http://127.0.0.1:${METRICS_PORT}/metrics`)).text()
  t.match(metrics, 'status="400"', 'there are metrics')
  service.kill('SIGTERM')
  t.equal(await service.ended, 0)
  t.match(service.output.stdout, '"status":400', 'there is a log')
  t.match(collector.text(), '"write_users"', 'there are traces')

  const seen = {
    answers: answers.map(({ text, headers }) => text + JSON.stringify(headers)).join('\n'),
    log: service.output.stdout + service.output.stderr,
    audit: JSON.stringify(events),
    'kept answers': JSON.stringify(kept),
    traces: collector.text(),
    metrics,
  }
  for (const [where, text] of Object.entries(seen)) {
    for (const secret of secrets)
      t.notOk(text.includes(secret), `${where}: nothing of ${secret.slice(0, 6)}…`)
  }
})
