// A service that ends, and connections that would keep it.
import { once } from 'node:events'
import { connect } from 'node:net'
import t from 'tap'
import { startService } from '../helpers/service.js'

t.test('a connection that nothing ever came from does not keep the service', async (t) => {
  const service = await startService(t)
  const { port } = new URL(service.url)
  const silent = connect(Number(port), '127.0.0.1')
  await once(silent, 'connect')
  t.equal((await service.request('GET', '/healthz')).status, 200, 'it has taken the connection by now')
  const closed = once(silent, 'close')
  await service.close()
  await closed
  t.equal(silent.bytesRead, 0)
})

t.test('a request that is on its way over an open connection is answered', async (t) => {
  const service = await startService(t)
  const { port } = new URL(service.url)
  const slow = connect(Number(port), '127.0.0.1')
  await once(slow, 'connect')
  slow.write('GET /healthz HTTP/1.1\r\n')
  const closing = service.close()
  slow.write('Host: 127.0.0.1\r\n\r\n')
  const answer = (await slow.toArray()).join('')
  t.match(answer, /^HTTP\/1\.1 200 /)
  t.match(answer, /^connection: close\r$/im)
  await closing
})
