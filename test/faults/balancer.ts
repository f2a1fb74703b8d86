/** A small balancer: each request goes to the next replica of those that said that they are ready. It tries nothing twice. */
import http, { type IncomingMessage, type ServerResponse } from 'node:http'
import { setTimeout as sleep } from 'node:timers/promises'
import type { Test } from 'tap'
import { exchange } from '../../src/contract/http.js'
import { listenOnLoopback } from '../helpers/listen.js'

export interface Balancer {
  url: string
  /** How often the replicas are asked, in milliseconds. */
  readonly intervalMs: number
  isReady(replica: string): boolean
}

const INTERVAL_MS = 100
/** Connections to a replica; requests beyond that wait for one. */
const MOST_TO_ONE = 64
/** Connections that wait to be taken: on a busy machine many come before this process has its turn. */
const BACKLOG = 4_096

/** Starts it before these replicas; it ends with `t`. */
export async function startBalancer(t: Test, replicas: readonly string[]): Promise<Balancer> {
  const ready = new Set<string>()
  const agent = new http.Agent({ keepAlive: true, maxSockets: MOST_TO_ONE })
  let turn = 0
  // Its clients keep their connections for as long as they like: what fails is the replicas' fault.
  const server = http.createServer({ keepAliveTimeout: 0 }, (request, response) => {
    const candidates = replicas.filter((replica) => ready.has(replica))
    const replica = candidates[turn++ % candidates.length]
    if (replica === undefined) response.writeHead(502).end('no replica is ready')
    else forward(request, response, new URL(replica), agent)
  })
  const stopped = new AbortController()
  const watching = replicas.map(async (replica) => {
    while (!stopped.signal.aborted) {
      const answer = await exchange(new URL(replica), { method: 'GET', path: '/readyz' }).catch(
        () => undefined,
      )
      if (answer?.status === 200) ready.add(replica)
      else ready.delete(replica)
      await sleep(INTERVAL_MS)
    }
  })
  const url = await listenOnLoopback(t, server, BACKLOG)
  t.teardown(async () => {
    stopped.abort()
    await Promise.all(watching)
    agent.destroy()
  })
  return { url, intervalMs: INTERVAL_MS, isReady: (replica) => ready.has(replica) }
}

function forward(request: IncomingMessage, response: ServerResponse, replica: URL, agent: http.Agent): void {
  const { method, url: path, headers } = request
  const outgoing = http.request(replica, { method, path, headers, agent }, (incoming) => {
    // A replica that is about to end says so to the balancer, not to its clients.
    const { connection: _, ...rest } = incoming.headers
    response.writeHead(incoming.statusCode!, rest)
    incoming.pipe(response)
  })
  outgoing.on('error', (error) => {
    if (response.headersSent) response.destroy()
    else response.writeHead(502).end(error.message)
  })
  request.pipe(outgoing)
}
