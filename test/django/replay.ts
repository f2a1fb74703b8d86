/** Sends a case over a socket of its own, byte for byte as it was sent to Django. */
import net from 'node:net'
import { callers, type Case } from './cases.js'

export interface RawAnswer {
  status: number
  text: string
}

const TIMEOUT_MS = 20_000

/** @throws where the connection ends before a whole answer has come */
export function send(origin: URL, request: Case): Promise<RawAnswer> {
  const raw = bytesOf(origin, request)
  return new Promise((resolve, reject) => {
    let received = Buffer.alloc(0)
    const socket = net.connect(Number(origin.port), origin.hostname, () => socket.write(raw))
    socket.setTimeout(TIMEOUT_MS, () => socket.destroy(new Error(`${request.name}: no answer in time`)))
    const finish = (ended: boolean) => {
      const answer = parseAnswer(received, request.method, ended)
      if (answer === undefined) return
      resolve(answer)
      socket.destroy()
    }
    socket.on('data', (chunk: Buffer) => {
      received = Buffer.concat([received, chunk])
      finish(false)
    })
    // The service may answer before it has read everything, and close; without an answer it is a failure.
    socket.on('error', (error) => (received.length === 0 ? reject(error) : finish(true)))
    socket.on('close', () => {
      finish(true)
      reject(new Error(`${request.name}: the connection ended without a whole answer`))
    })
  })
}

function bytesOf(origin: URL, request: Case): Buffer {
  const headers = request.headers.map(([name, value]) => [name, expand(value)] as const)
  const has = (name: string) => headers.some(([own]) => own.toLowerCase() === name)
  const body = bodyOf(request)
  const authorization = callers[request.caller]
  if (authorization === undefined) throw new Error(`${request.name}: who is ${request.caller}?`)

  const head = [`${request.method} ${expand(request.path)} HTTP/1.1`]
  if (!has('host')) head.push(`Host: ${origin.host}`)
  if (authorization !== null && !has('authorization')) head.push(`Authorization: ${authorization}`)
  head.push(...headers.map(([name, value]) => `${name}: ${value}`))
  if (body === undefined) {
    if (['POST', 'PUT', 'PATCH'].includes(request.method)) head.push('Content-Length: 0')
  } else if (request.chunked) head.push('Transfer-Encoding: chunked')
  else if (!has('content-length')) head.push(`Content-Length: ${body.length}`)
  head.push('Connection: close', '', '')

  const encoding = request.head_encoding === 'latin-1' ? 'latin1' : 'utf8'
  return Buffer.concat([Buffer.from(head.join('\r\n'), encoding), framed(body, request.chunked)])
}

function framed(body: Buffer | undefined, chunked = false): Buffer {
  if (body === undefined || body.length === 0) return Buffer.alloc(0)
  if (!chunked) return body
  return Buffer.concat([Buffer.from(`${body.length.toString(16)}\r\n`), body, Buffer.from('\r\n0\r\n\r\n')])
}

function bodyOf({ body, body_gen: made, body_b64: encoded }: Case): Buffer | undefined {
  if (made) return Buffer.from((made.prefix ?? '') + made.repeat.repeat(made.times) + (made.suffix ?? ''))
  if (encoded !== undefined) return Buffer.from(encoded, 'base64')
  return body === null ? undefined : Buffer.from(body)
}

const expand = (text: string): string =>
  text.replace(/\{\{repeat:(.+?):(\d+)\}\}/g, (_, part: string, times: string) => part.repeat(Number(times)))

/** @returns nothing while the answer is not complete */
function parseAnswer(received: Buffer, method: string, ended: boolean): RawAnswer | undefined {
  const end = received.indexOf('\r\n\r\n')
  if (end < 0) return undefined
  const [first, ...lines] = received.subarray(0, end).toString('latin1').split('\r\n')
  const status = Number(/^HTTP\/1\.1 (\d{3})/.exec(first!)?.[1])
  const headers = new Map(
    lines.map((line) => {
      const colon = line.indexOf(':')
      return [line.slice(0, colon).toLowerCase(), line.slice(colon + 1).trim()] as const
    }),
  )
  const rest = received.subarray(end + 4)
  if (method === 'HEAD' || status === 204 || status === 304) return { status, text: '' }
  if (headers.get('transfer-encoding') === 'chunked') {
    const text = dechunk(rest)
    return text === undefined ? undefined : { status, text }
  }
  const length = headers.get('content-length')
  if (length === undefined ? !ended : rest.length < Number(length)) return undefined
  return { status, text: rest.subarray(0, length === undefined ? undefined : Number(length)).toString() }
}

function dechunk(bytes: Buffer): string | undefined {
  const chunks: Buffer[] = []
  for (let at = 0; ;) {
    const line = bytes.indexOf('\r\n', at)
    if (line < 0) return undefined
    const size = parseInt(bytes.subarray(at, line).toString('latin1'), 16)
    if (size === 0) return Buffer.concat(chunks).toString()
    at = line + 2 + size + 2
    if (bytes.length < at) return undefined
    chunks.push(bytes.subarray(line + 2, line + 2 + size))
  }
}
