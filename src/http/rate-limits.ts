/** How many requests may come: of an address before anything is looked at, and of a caller that is known. */
import { setTimeout as sleep } from 'node:timers/promises'
import rateLimit, { type FastifyRateLimitStore } from '@fastify/rate-limit'
import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify'
import type { Database } from '../db/database.js'
import { type Count, countRequest } from '../db/rate-limits.js'
import { ProblemError, SetupError } from '../errors.js'
import { callerOf } from './route.js'

export interface RateLimitOptions {
  /** Requests a minute from one address, or one IPv6 network of 64 bits. 0: no limit. */
  perAddress: number
  /** Requests a minute with one credential. 0: no limit. */
  perCaller: number
  /** Whether all replicas count together, in the database. */
  shared: boolean
}

export const NO_LIMITS: RateLimitOptions = { perAddress: 0, perCaller: 0, shared: false }

/** Refuses a request that is one too many. @throws ProblemError `too_many_requests` */
export type RateLimit = (request: FastifyRequest, reply: FastifyReply) => Promise<void>

export interface RateLimits {
  /** Before authentication: it sees bad credentials too. */
  address: RateLimit
  /** After it. */
  caller: RateLimit
}

const WINDOW_MS = 60_000

/** Addresses and callers that are counted at once; those that were not seen for longest are forgotten first. */
const MAX_COUNTED = 10_000

/** Requests that are being counted in the database at once; the others are let through. */
const MAX_COUNTING = 100

/** Milliseconds after which a request is let through uncounted: limits must not make a slow database slower. */
const PATIENCE_MS = 250

/** Milliseconds, by a clock that never jumps. Whole ones: of fractions, a window added and taken away may leave more than a window. */
const clock = () => Math.floor(performance.now())

const unlimited: RateLimit = async () => {}

export const UNLIMITED: RateLimits = { address: unlimited, caller: unlimited }

/** @returns what checks requests; registers a plugin where there is something to check */
export async function limitRates(
  app: FastifyInstance,
  database: Database,
  { perAddress, perCaller, shared }: RateLimitOptions,
): Promise<RateLimits> {
  if (perAddress === 0 && perCaller === 0) return UNLIMITED
  // It would count with the host's store, and let through whom the host does.
  if (app.hasDecorator('createRateLimit')) {
    throw new SetupError('The host limits rates by @fastify/rate-limit itself: leave out rateLimits.')
  }
  if (shared) await tryCounting(database)
  await app.register(rateLimit, {
    global: false,
    skipOnError: true,
    store: shared ? sharedStore(database, app.log) : LocalStore,
  })
  const limit = (
    name: string,
    max: number,
    keyGenerator?: (request: FastifyRequest) => string,
  ): RateLimit => {
    if (max === 0) return unlimited
    const count = app.createRateLimit({ max, timeWindow: WINDOW_MS, ...(keyGenerator && { keyGenerator }) })
    return async (request, reply) => {
      const found = await count(request)
      // What was not counted has no time to wait.
      if (!found.isAllowed && found.ttl > 0) tell(reply, name, found)
    }
  }
  return {
    address: limit('address', perAddress),
    caller: limit('caller', perCaller, (request) => {
      const { id, credential } = callerOf(request).actor
      return `${id}/${credential}`
    }),
  }
}

interface Found {
  max: number
  remaining: number
  ttlInSeconds: number
  isExceeded: boolean
}

/** As draft-ietf-httpapi-ratelimit-headers has it: one item for each limit. */
function tell(reply: FastifyReply, name: string, { max, remaining, ttlInSeconds, isExceeded }: Found): void {
  append(reply, 'ratelimit-policy', `"${name}";q=${max};w=${WINDOW_MS / 1_000}`)
  append(reply, 'ratelimit', `"${name}";r=${remaining};t=${ttlInSeconds}`)
  if (!isExceeded) return
  throw new ProblemError('too_many_requests', {
    detail: `No more than ${max} requests a minute are taken from one ${name}.`,
    headers: { 'retry-after': String(ttlInSeconds) },
  })
}

function append(reply: FastifyReply, name: string, item: string): void {
  const before = reply.getHeader(name)
  reply.header(name, before === undefined ? item : `${String(before)}, ${item}`)
}

/** Counts in this process. A clock that is set back would refuse for as long. */
class LocalStore implements FastifyRateLimitStore {
  readonly #windows = new Map<string, { count: number; endsAt: number }>()

  incr(key: string, done: (error: Error | null, result?: Count) => void, timeWindow = WINDOW_MS): void {
    const now = clock()
    let window = this.#windows.get(key)
    if (window === undefined || window.endsAt <= now) window = { count: 0, endsAt: now + timeWindow }
    window.count++
    // A map is in order of insertion.
    this.#windows.delete(key)
    this.#windows.set(key, window)
    if (this.#windows.size > MAX_COUNTED) this.#windows.delete(this.#windows.keys().next().value!)
    done(null, { current: window.count, ttl: window.endsAt - now })
  }

  child(): FastifyRateLimitStore {
    return new LocalStore()
  }
}

/** Counts in the database. Who came too often is refused without asking it again, until the window ends. */
function sharedStore(database: Database, log: FastifyInstance['log']) {
  const exceeded = new Map<string, number>()
  let inFlight = 0
  let silentUntil = 0
  const complain = (err: unknown) => {
    if (clock() < silentUntil) return
    silentUntil = clock() + WINDOW_MS
    log.warn({ err }, 'requests could not be counted, and are let through')
  }

  async function count(key: string, milliseconds: number, max: number): Promise<Count> {
    const left = (exceeded.get(key) ?? 0) - clock()
    if (left > 0) return { current: max + 1, ttl: left }
    if (inFlight >= MAX_COUNTING) throw new Error('too many requests are being counted')
    inFlight++
    try {
      const counted = await countRequest(database, key, milliseconds)
      if (exceeded.size >= MAX_COUNTED) exceeded.clear()
      if (counted.current > max) exceeded.set(key, clock() + counted.ttl)
      return counted
    } finally {
      inFlight--
    }
  }

  return class SharedStore implements FastifyRateLimitStore {
    incr(
      key: string,
      done: (error: Error | null, result?: Count) => void,
      timeWindow = WINDOW_MS,
      max = Infinity,
    ): void {
      const counted = count(key, timeWindow, max)
      const late = sleep(PATIENCE_MS, undefined, { ref: false }).then(() => {
        throw new Error('counting took too long')
      })
      Promise.race([counted, late]).then(
        (result) => done(null, result),
        (error: Error) => {
          complain(error)
          done(error)
        },
      )
      // Whichever comes second is nobody's.
      counted.catch(() => {})
      late.catch(() => {})
    }

    child(): FastifyRateLimitStore {
      return this
    }
  }
}

/** @throws SetupError where nothing can be counted */
async function tryCounting(database: Database): Promise<void> {
  await countRequest(database, 'start', 1).catch((cause: unknown) => {
    throw new SetupError(
      'Requests can not be counted in the database (RATE_LIMIT_SHARED): this role needs the grants on user_admin.request_count.',
      { cause },
    )
  })
}
