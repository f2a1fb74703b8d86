/** A small HTTP server in the place of another program's. */
import { once } from 'node:events'
import { createServer, type IncomingMessage } from 'node:http'
import type { AddressInfo } from 'node:net'

export interface Reply {
  status: number
  headers?: Record<string, string>
  body?: string
}

/**
 * Answers each request as `reply` says, on a free port, until `t` is over.
 * @returns its URL, without a final slash
 */
export async function startAnswering(
  t: { teardown(fn: () => unknown): unknown },
  reply: (request: IncomingMessage, body: string) => Reply | Promise<Reply>,
): Promise<string> {
  const server = createServer(async (request, response) => {
    const chunks: Buffer[] = []
    for await (const chunk of request) chunks.push(chunk)
    const { status, headers, body } = await reply(request, Buffer.concat(chunks).toString())
    response.writeHead(status, headers).end(body)
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  t.teardown(() => {
    server.close()
    server.closeAllConnections()
  })
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}`
}

export const JSON_HEADERS = { 'content-type': 'application/json' }
export const HTML_HEADERS = { 'content-type': 'text/html' }
