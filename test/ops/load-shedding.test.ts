import t from 'tap'
import { startService } from '../helpers/service.js'
import { until } from '../helpers/until.js'

t.test('a service that has fallen behind refuses, says so, and recovers', async (t) => {
  const { request, makeCaller } = await startService(t, { MAX_EVENT_LOOP_DELAY_MS: '100' })
  const { key } = await makeCaller()
  const recovered = () => until(async () => (await request('GET', '/admin/me/', { key })).status === 200)
  t.ok(await recovered(), 'the start is over')
  const work = setInterval(() => {
    const end = Date.now() + 400
    while (Date.now() < end);
  }, 0)
  const refusal = await until(async () => {
    const answer = await request('GET', '/admin/me/', { key })
    return answer.status !== 200 && answer
  }).finally(() => clearInterval(work))
  t.match(refusal, {
    status: 503,
    headers: { 'retry-after': '1' },
    body: { code: 'busy', detail: 'The service has fallen behind.' },
  })
  t.equal((await request('GET', '/healthz')).status, 200)
  t.ok(await recovered())
})
