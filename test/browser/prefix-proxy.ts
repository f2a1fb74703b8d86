/** A reverse proxy that serves everything below a path, which the service is not told of. */
import { once } from 'node:events'
import http from 'node:http'
import type { AddressInfo } from 'node:net'

/**
 * Starts it before the service at `target`; it ends with `t`.
 * @param prefix such as `/directory`: taken from each path, and everything else is 404
 * @returns the URL of the service through it
 */
export async function startPrefixProxy(
  t: { teardown(fn: () => unknown): unknown },
  target: string,
  prefix: string,
): Promise<string> {
  const server = http.createServer((request, response) => {
    if (!request.url!.startsWith(`${prefix}/`)) return void response.writeHead(404).end()
    const { method, headers } = request
    const url = new URL(request.url!.slice(prefix.length), target)
    const forwarded = http.request(url, { method, headers }, (answer) => {
      response.writeHead(answer.statusCode!, answer.headers)
      answer.pipe(response)
    })
    forwarded.on('error', () => response.destroy())
    request.pipe(forwarded)
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  t.teardown(() => {
    server.close()
    server.closeAllConnections()
  })
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}${prefix}`
}
