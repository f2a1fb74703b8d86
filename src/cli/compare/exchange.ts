/** One request to one side, and what is kept of its answer. */
import { CommandError, fetchFailure } from '../failure.js'

/** Django, or the service beside it. */
export interface Side {
  name: 'Django' | 'the service'
  /** The URL that `/users/` comes after, without a final slash. */
  base: string
  /** A value of the header `Authorization`. */
  authorization: string
}

export type Sides = Record<'django' | 'service', Side>

/** A request that both sides get. */
export interface Request {
  name: string
  method: string
  /** What comes after the base. */
  path: string
  headers?: Headers
  body?: string
  /** Which `Authorization` it carries: that of the side by default, none, or one that is not valid. */
  credentials?: 'none' | 'wrong'
}

export interface Answer {
  status: number
  kind: 'json' | 'html' | 'text' | 'empty'
  /** What the JSON says, URLs of the side without their base. */
  body?: unknown
  /** Where a redirect leads to. */
  location?: string
  etag?: string
}

/** More than any page of users has. */
const MAX_BYTES = 16 * 1024 * 1024

/** What is said in place of an answer: by a throttle, a service that is busy, or a proxy in front of it. */
const OVERLOADED = new Set([429, 502, 503, 504])

/** @throws CommandError where there is no answer: nobody listens, it takes too long, it is too large */
export async function send(side: Side, request: Request, timeoutMs: number): Promise<Answer> {
  try {
    const response = await fetch(side.base + request.path, {
      method: request.method,
      headers: headersOf(side, request),
      body: request.body ?? null,
      redirect: 'manual',
      signal: AbortSignal.timeout(timeoutMs),
    })
    if (OVERLOADED.has(response.status)) throw new Error(`it answers ${response.status} for now`)
    return answerOf(response, await readText(response), side)
  } catch (error) {
    throw new CommandError(
      `${side.name}: no answer to ${request.method} ${side.base}${request.path}: ${fetchFailure(error)}`,
    )
  }
}

function headersOf({ authorization }: Side, { headers, body, credentials }: Request): Headers {
  // A connection for each: one that the other side has just given up would be a failure of neither.
  const all = new Headers({ accept: 'application/json', connection: 'close' })
  if (body !== undefined) all.set('content-type', 'application/json')
  if (credentials === undefined) all.set('authorization', authorization)
  if (credentials === 'wrong') all.set('authorization', authorization.replace(/ .*/, ' wrong'))
  for (const [name, value] of headers ?? []) all.set(name, value)
  return all
}

async function readText({ body }: Response): Promise<string> {
  const chunks: Uint8Array[] = []
  let size = 0
  for await (const chunk of body ?? []) {
    size += chunk.length
    if (size > MAX_BYTES) throw new Error(`it is larger than ${MAX_BYTES} bytes`)
    chunks.push(chunk)
  }
  return Buffer.concat(chunks).toString()
}

function answerOf({ status, headers }: Response, text: string, { base }: Side): Answer {
  const type = headers.get('content-type') ?? ''
  const [location, etag] = [headers.get('location'), headers.get('etag')]
  const answer = { status, ...(location && { location }), ...(etag && { etag }) }
  if (text === '') return { ...answer, kind: 'empty' }
  if (!/json/.test(type)) return { ...answer, kind: /html/.test(type) ? 'html' : 'text' }
  const withoutBase = (_: string, value: unknown) =>
    typeof value === 'string' && value.startsWith(`${base}/`) ? value.slice(base.length) : value
  try {
    return { ...answer, kind: 'json', body: JSON.parse(text, withoutBase) }
  } catch {
    return { ...answer, kind: 'text' }
  }
}
