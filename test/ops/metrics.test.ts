/** Metrics: what operators see, and what nobody may. */
import { readFile } from 'node:fs/promises'
import t from 'tap'
import { startService } from '../helpers/service.js'

const read = async (url: string | undefined) => {
  const response = await fetch(url!)
  return { status: response.status, type: response.headers.get('content-type'), text: await response.text() }
}

/** The value of one sample. */
const valueOf = (text: string, sample: string): number => {
  const line = text.split('\n').find((line) => line.startsWith(`${sample} `))
  return line === undefined ? NaN : Number(line.slice(sample.length + 1))
}

t.test('what is asked for, how long it takes, and what waits', async (t) => {
  const service = await startService(t, { METRICS_PORT: '0' })
  const { request, makeCaller, metricsUrl } = service
  const { key, id } = await makeCaller()
  const patch = (body: object) => request('PATCH', `/admin/users/${id}/`, { key, body })
  await Promise.all(Array.from({ length: 20 }, (_, index) => patch({ first_name: `Ada ${index}` })))
  await patch({ first_name: 7 })
  await patch({ password: 'a canary in a cage' })
  await request('GET', '/nowhere/canary', {})
  await request('GET', '/admin/me', { key: 'canary' })
  await request('PROPFIND', '/admin/me/')

  const { status, type, text } = await read(metricsUrl())
  t.equal(status, 200)
  t.match(type, /^text\/plain; version=0\.0\.4/)
  const count = (method: string, route: string, status: number) =>
    valueOf(
      text,
      `user_admin_http_request_duration_seconds_count{method="${method}",route="${route}",status="${status}"}`,
    )
  t.equal(count('PATCH', '/admin/users/:id', 200), 21)
  t.equal(count('PATCH', '/admin/users/:id', 400), 1)
  t.equal(count('GET', 'none', 404), 1)
  t.equal(count('GET', '/admin/me', 401), 1)
  t.equal(count('other', '/admin/me', 401), 1, 'methods that nobody sends are one')
  const updates = valueOf(text, 'user_admin_batch_items_total{name="updates"}')
  const batches = valueOf(text, 'user_admin_batches_total{name="updates"}')
  t.equal(updates, 21)
  t.ok(batches > 0 && batches <= updates, `${batches} batches`)
  t.equal(valueOf(text, 'user_admin_queue_waiting{name="passwords"}'), 0)
  t.ok(valueOf(text, 'user_admin_pool_connections{name="total"}') > 0)
  t.ok(valueOf(text, 'user_admin_nodejs_eventloop_lag_mean_seconds') >= 0)
  t.equal(valueOf(text, 'user_admin_database_retries_total{name="transactions"}'), 0)
  t.notMatch(text, /canary/, 'no URL, no secret')
  t.notOk(text.includes(key))

  const again = await read(metricsUrl())
  t.equal(
    valueOf(again.text, 'user_admin_batch_items_total{name="updates"}'),
    updates,
    'counts are not added up',
  )
  t.equal((await request('GET', '/metrics')).status, 404, 'not on the port of the API')
  await service.close()
  await t.rejects(read(metricsUrl()), 'it ends with the service')
})

t.test('none unless asked for', async (t) => {
  const { metricsUrl, request } = await startService(t)
  t.equal(metricsUrl(), undefined)
  t.equal((await request('GET', '/metrics')).status, 404)
})

t.test('the dashboard shows what there is', async (t) => {
  const { metricsUrl, makeCaller, request } = await startService(t, { METRICS_PORT: '0' })
  const { key } = await makeCaller()
  await request('GET', '/admin/me/', { key })
  const { text } = await read(metricsUrl())
  const dashboard = JSON.parse(
    await readFile(new URL('../../docs/grafana-dashboard.json', import.meta.url), 'utf8'),
  )
  const expressions = dashboard.panels.flatMap(({ targets = [] }: { targets?: { expr: string }[] }) =>
    targets.map(({ expr }) => expr),
  )
  t.ok(expressions.length >= 8)
  for (const expression of expressions) {
    const names: string[] = expression.match(/user_admin_\w+/g) ?? []
    t.ok(names.length > 0, expression)
    for (const name of names) t.match(text, new RegExp(`^${name}[{ ]`, 'm'), name)
  }
})
