/** A reverse proxy that serves everything below a path, which the service is not told of. */
import http from 'node:http'
import { listenOnLoopback } from '../helpers/listen.js'

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
  return `${await listenOnLoopback(t, server)}${prefix}`
}
