/** A server of a test's own, on the loopback address alone. */
import { once } from 'node:events'
import type { Server } from 'node:http'
import type { AddressInfo } from 'node:net'

/**
 * Listens on a free port, until `t` is over.
 * @param backlog connections that may wait to be taken; by default as many as Node.js lets
 * @returns its URL, without a final slash
 */
export async function listenOnLoopback(
  t: { teardown(fn: () => unknown): unknown },
  server: Server,
  backlog?: number,
): Promise<string> {
  server.listen({ port: 0, host: '127.0.0.1', ...(backlog === undefined ? {} : { backlog }) })
  await once(server, 'listening')
  t.teardown(() => {
    server.close()
    server.closeAllConnections()
  })
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}`
}
