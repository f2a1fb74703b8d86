/**
 * Requests that are done once, however often they come (draft-ietf-httpapi-idempotency-key-header): the answer is kept in the
 * transaction that does what it tells of. Refusals change nothing, and are not kept.
 */
import { createHmac } from 'node:crypto'
import type { FastifyReply, FastifyRequest, RouteGenericInterface } from 'fastify'
import type { Transaction } from '../db/database.js'
import { claimKey, findAnswer, type IdempotentAnswer, keepAnswer } from '../db/idempotent-answers.js'
import type { CheckedBody, CheckedList } from '../domain/accept-update.js'
import { ProblemError } from '../errors.js'
import { type Answer, sendAnswer } from './answers.js'
import type { Context } from './context.js'
import { callerOf } from './route.js'

/** What became of a request: its answer, or why nothing was done. */
export type Performed = Answer | { problem: ProblemError }

const REPLAYED = 'idempotent-replayed'

const MAX_LENGTH = 255

/** A string of RFC 9651, as the draft has it, or bare, as many clients send it. */
const KEY = /^(?:"((?:[\x20\x21\x23-\x5b\x5d-\x7e]|\\["\\])+)"|([\x21\x23-\x2b\x2d-\x5b\x5d-\x7e]+))$/

/**
 * The key of a request; undefined where it has none, or does nothing that could be done twice.
 * @throws `bad_request` where it is none
 */
function keyIn(request: FastifyRequest): string | undefined {
  const header = request.headers['idempotency-key']
  if (header === undefined || (request.query as { dry_run?: boolean }).dry_run === true) return undefined
  const [, quoted, bare] = KEY.exec(String(header)) ?? []
  const text = quoted?.replace(/\\(.)/g, '$1') ?? bare
  if (text !== undefined && text.length <= MAX_LENGTH) return text
  throw new ProblemError('bad_request', {
    detail: `Idempotency-Key must be one string in quotation marks, of at most ${MAX_LENGTH} characters.`,
  })
}

/** Whether the request asks to be done once. */
export const isOnce = (request: FastifyRequest): boolean => keyIn(request) !== undefined

/** Where the answers to a request are kept, and what it asked for. */
interface Claim {
  /** A keyed hash of caller, method, URL and key. */
  key: Buffer
  /** A keyed hash of media type, query and body. */
  fingerprint: Buffer
}

const claims = new WeakMap<FastifyRequest, Claim>()

/** @param part which part of the request, where each has an answer of its own; 0 is the whole */
function claimOf({ secret }: Context, request: FastifyRequest, part: number): Claim | undefined {
  const text = keyIn(request)
  if (text === undefined) return undefined
  const claim = claims.get(request) ?? makeClaim(secret, request, text)
  claims.set(request, claim)
  return part === 0 ? claim : { ...claim, key: keyedHash(claim.key, part) }
}

function makeClaim(secret: Buffer, request: FastifyRequest, text: string): Claim {
  const { method, routeOptions, params, mediaType = '', body } = request
  const url = routeOptions.url?.replace(/\/$/, '')
  const query = request.url.split('?')[1] ?? ''
  const { actor } = callerOf(request)
  return {
    key: keyedHash(secret, [actor.id ?? actor.credential, method, url, params, text]),
    // With the client's key as well: that is not in the database, which the secret is.
    fingerprint: keyedHash(Buffer.concat([secret, Buffer.from(text)]), [mediaType, query, sentIn(body)]),
  }
}

const keyedHash = (key: Buffer, value: unknown): Buffer =>
  createHmac('sha256', key).update(JSON.stringify(value)).digest()

/** A body as it came. */
function sentIn(body: unknown): unknown {
  const { sent, items } = (body ?? {}) as Partial<CheckedBody<unknown> & CheckedList<unknown>>
  return items?.map((item) => item.sent) ?? sent
}

/** @throws `idempotency_key_reused` where it was the answer to something else */
function replayed({ fingerprint }: Claim, { status, headers, body, ...kept }: IdempotentAnswer): Answer {
  if (kept.fingerprint.equals(fingerprint))
    return { status, headers: { ...headers, [REPLAYED]: 'true' }, body }
  throw new ProblemError('idempotency_key_reused', {
    detail: 'A request with this Idempotency-Key was done already, and was another one.',
  })
}

/** Whether an answer is one that was given before. */
export const isReplayed = ({ headers }: Answer): boolean => headers[REPLAYED] !== undefined

/**
 * What was answered already, before anything is hashed or locked.
 * @param part which part of the request, where each has an answer of its own
 * @throws ProblemError where the caller may not make the request any more, or the key was another request's
 */
export async function findReplay(
  context: Context,
  request: FastifyRequest,
  part = 0,
): Promise<Answer | undefined> {
  const claim = claimOf(context, request, part)
  if (claim === undefined) return undefined
  const caller = callerOf(request)
  if (!caller.isConfirmed) await context.callers.confirm(caller)
  const kept = await findAnswer(context.database, claim.key)
  return kept && replayed(claim, kept)
}

/** A handler that answers what was done already as it was answered then. */
export const once =
  <Generic extends RouteGenericInterface>(
    context: Context,
    handler: (request: FastifyRequest<Generic>, reply: FastifyReply) => Promise<Answer>,
  ) =>
  async (request: FastifyRequest<Generic>, reply: FastifyReply): Promise<FastifyReply> => {
    const isKeyed = isOnce(request as FastifyRequest)
    const replay = isKeyed ? await findReplay(context, request as FastifyRequest) : undefined
    return sendAnswer(reply, replay ?? (await handler(request, reply)))
  }

/**
 * Does a request in a transaction, and keeps the answer where the request has a key.
 * @param part which part of the request, where each has an answer of its own
 * @throws ProblemError where it is refused, or is being done (409)
 */
export async function perform(
  context: Context,
  request: FastifyRequest,
  work: (transaction: Transaction) => Promise<Performed>,
  part = 0,
): Promise<Answer> {
  const claim = claimOf(context, request, part)
  const performed = await context.runAlone((transaction) =>
    claim === undefined ? work(transaction) : performOnce(transaction, claim, work),
  )
  if ('problem' in performed) throw performed.problem
  return performed
}

async function performOnce(
  transaction: Transaction,
  claim: Claim,
  work: (transaction: Transaction) => Promise<Performed>,
): Promise<Performed> {
  // Looked for once the key is held: whoever had it has committed.
  const [isClaimed, kept] = await Promise.all([
    claimKey(transaction, claim.key),
    findAnswer(transaction, claim.key),
  ])
  if (!isClaimed) {
    const detail = 'A request with this Idempotency-Key is being done.'
    return { problem: new ProblemError('request_in_progress', { detail, headers: { 'retry-after': '1' } }) }
  }
  if (kept !== undefined) return replayed(claim, kept)
  const performed = await work(transaction)
  if (!('problem' in performed))
    keepAnswer(transaction, claim.key, { ...performed, fingerprint: claim.fingerprint })
  return performed
}
