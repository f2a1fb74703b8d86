/** How many requests may come: of an address before anything is looked at, and of a caller that is known. */
import rateLimit, { type FastifyRateLimitStore } from '@fastify/rate-limit'
import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify'
import type { Database } from '../db/database.js'
import { countRequest } from '../db/rate-limits.js'
import { ProblemError } from '../errors.js'
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

/** Milliseconds after which a request is let through uncounted: limits must not make a slow database slower. */
const PATIENCE_MS = 250

const unlimited: RateLimit = async () => {}

export const UNLIMITED: RateLimits = { address: unlimited, caller: unlimited }

/** @returns what checks requests; registers a plugin where there is something to check */
export async function limitRates(
  app: FastifyInstance,
  database: Database,
  { perAddress, perCaller, shared }: RateLimitOptions,
): Promise<RateLimits> {
  if (perAddress === 0 && perCaller === 0) return UNLIMITED
  await app.register(rateLimit, {
    global: false,
    skipOnError: true,
    cache: MAX_COUNTED,
    ...(shared ? { store: sharedStore(database) } : {}),
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
      if (!found.isAllowed) tell(reply, name, found)
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

/** Counts in the database. */
function sharedStore(database: Database) {
  return class SharedStore implements FastifyRateLimitStore {
    incr(
      key: string,
      done: (error: Error | null, result?: { current: number; ttl: number }) => void,
      timeWindow = WINDOW_MS,
    ): void {
      const late = setTimeout(() => done(new Error('counting took too long')), PATIENCE_MS).unref()
      countRequest(database, key, timeWindow)
        .then((count) => done(null, count), done)
        .finally(() => clearTimeout(late))
    }

    child(): FastifyRateLimitStore {
      return this
    }
  }
}
