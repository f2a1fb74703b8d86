import { setTimeout as sleep } from 'node:timers/promises'
import t from 'tap'
import { startService } from '../helpers/service.js'

t.test('a service that has fallen behind refuses, says so, and recovers', async (t) => {
  const { request, makeCaller } = await startService(t, { MAX_EVENT_LOOP_DELAY_MS: '100' })
  const { key } = await makeCaller()
  const recovered = async () => {
    for (let round = 0; round < 100; round++) {
      if ((await request('GET', '/admin/me/', { key })).status === 200) return true
      await sleep(200)
    }
    return false
  }
  t.ok(await recovered(), 'the start is over')
  const refusal = async () => {
    for (let round = 0; round < 20; round++) {
      const until = Date.now() + 400
      while (Date.now() < until);
      const answer = await request('GET', '/admin/me/', { key })
      if (answer.status !== 200) return answer
    }
    return undefined
  }
  t.match(await refusal(), {
    status: 503,
    headers: { 'retry-after': '1' },
    body: { code: 'busy', detail: 'The service has fallen behind.' },
  })
  t.equal((await request('GET', '/healthz')).status, 200)
  t.ok(await recovered())
})
