// Whatever is answered, a browser may do nothing with it; the pages of the documentation may do what they need.
import t from 'tap'
import { startService } from '../helpers/service.js'

const { request, makeCaller } = await startService(t)
const { id, key } = await makeCaller()

const ON_ALL = {
  'cross-origin-opener-policy': 'same-origin',
  'cross-origin-resource-policy': 'same-origin',
  'origin-agent-cluster': '?1',
  'referrer-policy': 'no-referrer',
  'x-content-type-options': 'nosniff',
  'x-frame-options': 'SAMEORIGIN',
}
const NOTHING = "default-src 'none';frame-ancestors 'none'"

t.test('they are on every answer', async (t) => {
  const answers = {
    success: await request('GET', `/admin/users/${id}/`, { key }),
    refusal: await request('PATCH', `/admin/users/${id}/`, { key, body: { email: 'x' } }),
    'no credentials': await request('GET', `/admin/users/${id}/`),
    'not found': await request('GET', '/nowhere'),
    'wrong method': await request('DELETE', `/admin/users/${id}/`, { key }),
    'a page': await request('GET', '/admin/problems/'),
    health: await request('GET', '/healthz'),
    document: await request('GET', '/openapi.json'),
  }
  for (const [name, { headers }] of Object.entries(answers)) {
    t.match(headers, ON_ALL, name)
    t.equal(headers['content-security-policy'], NOTHING, name)
    t.equal(headers['x-powered-by'], undefined, name)
    t.ok(headers['x-request-id'], name)
  }
})

t.test('Swagger UI has a policy of its own, and the rest', async (t) => {
  const { headers } = await request('GET', '/docs/')
  t.match(headers, ON_ALL)
  t.match(headers['content-security-policy'], /script-src 'self'/)
  t.notMatch(headers['content-security-policy'], /script-src[^;]*unsafe/)
})
