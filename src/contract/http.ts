/** One HTTP exchange, with nothing done to the URL on its way: `fetch` would tidy it up. */
import http, { type IncomingHttpHeaders, type OutgoingHttpHeaders } from 'node:http'
import https from 'node:https'

export interface Answer {
  status: number
  headers: IncomingHttpHeaders
  text: string
  /** The text read as JSON, where its media type says so. */
  body: any
  milliseconds: number
}

export interface Exchange {
  method: string
  /** As it is written in the request line. */
  path: string
  headers?: OutgoingHttpHeaders | undefined
  body?: string | Buffer | undefined
}

const agents = {
  'http:': new http.Agent({ keepAlive: true }),
  'https:': new https.Agent({ keepAlive: true }),
}

/** @throws where the connection fails before there is an answer */
export function exchange(origin: URL, { method, path, headers = {}, body }: Exchange): Promise<Answer> {
  const began = performance.now()
  const { request } = origin.protocol === 'https:' ? https : http
  const agent = agents[origin.protocol as keyof typeof agents]
  return new Promise((resolve, reject) => {
    const outgoing = request(
      origin,
      { method, path, headers: withLength(present(headers), body), agent },
      (incoming) => {
        const chunks: Buffer[] = []
        incoming.on('data', (chunk: Buffer) => chunks.push(chunk))
        incoming.on('error', reject)
        incoming.on('end', () => {
          const text = Buffer.concat(chunks).toString()
          const { statusCode: status = 0, headers } = incoming
          const milliseconds = performance.now() - began
          resolve({ status, headers, text, body: isJson(headers) ? parse(text) : undefined, milliseconds })
        })
      },
    )
    outgoing.on('error', reject)
    outgoing.end(body)
  })
}

/** What is undefined is left out, whoever has it by default. */
const present = (headers: OutgoingHttpHeaders): OutgoingHttpHeaders =>
  Object.fromEntries(Object.entries(headers).filter(([, value]) => value !== undefined))

// Node.js writes no length for methods that seldom have a body: it would be taken for another request.
function withLength(headers: OutgoingHttpHeaders, body: string | Buffer | undefined): OutgoingHttpHeaders {
  if (body === undefined || 'transfer-encoding' in headers) return headers
  return { 'content-length': Buffer.byteLength(body), ...headers }
}

const isJson = (headers: IncomingHttpHeaders) =>
  /^application\/(?:[\w.-]+\+)?json\b/.test(headers['content-type'] ?? '')

function parse(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch {
    return undefined
  }
}
