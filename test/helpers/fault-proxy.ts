/** A proxy of HTTP that fails as a network and a balancer do. */
import { createServer, request as forward, type IncomingMessage } from 'node:http'
import type { Reply } from './answering-server.js'
import { listenOnLoopback } from './listen.js'

/**
 * What becomes of a request: `lost` before the service sees it; `unanswered`, done and the answer lost; `cut`, done and half of
 * the answer's body lost; or a reply in the place of the service's. Undefined passes it on.
 */
export type Fate = 'lost' | 'unanswered' | 'cut' | Reply | undefined

/** A request that came. */
export interface Seen {
  method: string
  url: string
  headers: IncomingMessage['headers']
}

/**
 * Stands before the service at `origin` until `t` is over. Each request meets the next of `fates`; once there are none, all pass.
 * @returns its URL, and what came
 */
export async function startFaultProxy(
  t: { teardown(fn: () => unknown): unknown },
  origin: string,
  fates: Fate[] = [],
): Promise<{ url: string; seen: Seen[]; fates: Fate[] }> {
  const seen: Seen[] = []
  const server = createServer((request, response) => {
    const { method = '', url = '', headers } = request
    seen.push({ method, url, headers })
    const fate = fates.shift()
    if (fate === 'lost') return request.socket.destroy()
    if (typeof fate === 'object') {
      request.resume()
      return response.writeHead(fate.status, fate.headers).end(fate.body)
    }
    const passed = forward(new URL(url, origin), { method, headers }, async (answer) => {
      const body = Buffer.concat(await answer.toArray())
      if (fate === 'unanswered') return request.socket.destroy()
      response.writeHead(answer.statusCode!, answer.headers)
      if (fate === undefined) return response.end(body)
      response.write(body.subarray(0, body.length / 2), () => request.socket.destroy())
    })
    passed.on('error', () => request.socket.destroy())
    request.pipe(passed)
  })
  return { url: await listenOnLoopback(t, server), seen, fates }
}
