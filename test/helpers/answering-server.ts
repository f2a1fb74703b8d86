/** A small HTTP server in the place of another program's. */
import { createServer, type IncomingMessage } from 'node:http'
import { listenOnLoopback } from './listen.js'

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
  return listenOnLoopback(t, server)
}

export const JSON_HEADERS = { 'content-type': 'application/json' }
export const HTML_HEADERS = { 'content-type': 'text/html' }
