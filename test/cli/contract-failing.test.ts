// `user-admin contract` on a service that answers otherwise than its document says.
import t from 'tap'
import { exchange } from '../../src/contract/http.js'
import { startAnswering } from '../helpers/answering-server.js'
import { run } from '../helpers/cli.js'
import { startService } from '../helpers/service.js'

t.test('what does not hold is told', async (t) => {
  const service = await startService(t)
  const { key } = await service.makeCaller()
  const env = { CONTRACT_KEY: key }
  const lying = await startAnswering(t, async ({ method = '', url = '', headers }, body) => {
    const answer = await exchange(new URL(service.url), {
      method,
      path: url,
      headers,
      body: body || undefined,
    })
    const text = answer.text.replaceAll(/"is_active":(true|false)/g, '"is_active":"$1"')
    const { 'content-length': _, 'transfer-encoding': __, connection: ___, ...rest } = answer.headers
    return {
      status: answer.status,
      headers: rest as Record<string, string>,
      body: method === 'HEAD' ? '' : text,
    }
  })
  const { status, stdout, stderr } = await run(['contract', '--url', lying, '--json'], env)
  t.equal(status, 1)
  t.match(stderr, /^\d+ held, [1-9]\d* did not, [1-9]\d* skipped\n$/)
  const { passed, failed, failures } = JSON.parse(stdout)
  t.ok(passed > 0)
  t.equal(failed, failures.length)
  t.ok(
    failures.some(
      ({ path, detail }: any) => path[0] === 'reading' && detail.includes('/is_active must be boolean'),
    ),
  )
})
