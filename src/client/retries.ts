/** Repeats what may be repeated: a request that failed on the way, and one that is told to come back later. */
import type { Timing } from './timing.js'

/** Sends a request. */
export type Fetch = (request: Request) => Promise<Response>

/** How often, and for how long, a request is tried. */
export interface RetryOptions {
  /** How often a request is sent, at most. By default 5; 1 repeats nothing. */
  attempts?: number
  /** The longest `Retry-After` that is waited for; an answer that asks for more is handed on. By default 60. */
  maxWaitSeconds?: number
  /**
   * Whether each change gets an `Idempotency-Key`, so that a repeated one is done once. By default true. Such a change has a
   * transaction of its own in the service; with false it is cheaper, and a POST or PATCH whose outcome is unknown is not repeated.
   */
  idempotencyKeys?: boolean
}

const DEFAULTS: Required<RetryOptions> = { attempts: 5, maxWaitSeconds: 60, idempotencyKeys: true }

const KEY = 'idempotency-key'
const SAFE = ['GET', 'HEAD']
const IDEMPOTENT = [...SAFE, 'PUT', 'DELETE']

/** Nothing was done, or it is not known whether. A 409 says `Retry-After` where the first request is still being done. */
const TRANSIENT = [429, 502, 503, 504]
const isTransient = ({ status, headers }: Response): boolean =>
  TRANSIENT.includes(status) || (status === 409 && headers.has('retry-after'))

/** Before the first repetition, at most; twice as long before each further one. */
const FIRST_BACKOFF_MS = 200

/** A fetch that repeats, by `send`. An aborted signal of the request ends it at once. */
export function retrying(send: Fetch, options: RetryOptions, timing: Timing): Fetch {
  const { attempts, maxWaitSeconds, idempotencyKeys } = { ...DEFAULTS, ...options }

  /** Milliseconds to wait before the next attempt; undefined where there shall be none. */
  function waitAfter(outcome: Response | Failure, request: Request, attempt: number): number | undefined {
    if (attempt >= attempts) return undefined
    const backoff = FIRST_BACKOFF_MS * 2 ** (attempt - 1) * (0.5 + timing.random() / 2)
    if (outcome instanceof Failure) return isRepeatable(request) ? backoff : undefined
    // Whoever sent too much was not let in: nothing was done.
    if (!isTransient(outcome) || !(outcome.status === 429 || isRepeatable(request))) return undefined
    const ms = retryAfterMs(outcome, timing.now()) ?? backoff
    return ms <= maxWaitSeconds * 1_000 ? ms : undefined
  }

  return async (request) => {
    if (idempotencyKeys && !SAFE.includes(request.method) && !request.headers.has(KEY))
      request.headers.set(KEY, makeKey())
    for (let attempt = 1; ; attempt++) {
      const outcome = await attemptOnce(send, request.clone())
      request.signal.throwIfAborted()
      const waitMs = waitAfter(outcome, request, attempt)
      if (waitMs !== undefined) await timing.sleep(waitMs, request.signal)
      else if (outcome instanceof Failure) throw outcome.cause
      else return outcome
    }
  }
}

/** No answer, or not all of it. */
class Failure {
  constructor(readonly cause: unknown) {}
}

/** Reads the whole answer, so that one that breaks off is a failure too. */
async function attemptOnce(send: Fetch, request: Request): Promise<Response | Failure> {
  try {
    const response = await send(request)
    if (response.body === null) return response
    const { status, statusText, headers } = response
    return new Response(await response.arrayBuffer(), { status, statusText, headers })
  } catch (error) {
    return new Failure(error)
  }
}

const isRepeatable = ({ method, headers }: Request): boolean =>
  IDEMPOTENT.includes(method) || headers.has(KEY)

/** Of `Retry-After`, which has seconds or a date; undefined where it has neither. */
function retryAfterMs({ headers }: Response, now: number): number | undefined {
  const text = headers.get('retry-after')
  if (text === null) return undefined
  const ms = /^\d+$/.test(text) ? Number(text) * 1_000 : Date.parse(text) - now
  return Number.isNaN(ms) ? undefined : Math.max(ms, 0)
}

/** 128 random bits, as a string of RFC 9651. `crypto.randomUUID` would want HTTPS in browsers. */
function makeKey(): string {
  const bytes = crypto.getRandomValues(new Uint8Array(16))
  return `"${Array.from(bytes, (byte) => byte.toString(16).padStart(2, '0')).join('')}"`
}
