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
import type { Context } from './context.js'
import { callerOf } from './route.js'

/** What a request is answered, beside headers that are set already. */
export interface Answer {
  status: number
  body?: unknown
}

/** What became of a request: its answer, or why nothing was done. */
export type Performed = Answer | { problem: ProblemError }

/** Where an answer is kept, and what it was the answer to. */
interface Claim {
  key: Buffer
  fingerprint: Buffer
}

/** Headers that belong to an answer. */
const KEPT_HEADERS = ['etag', 'location', 'preference-applied', 'dropped-fields', 'vary']

const MAX_LENGTH = 255

/** A string of RFC 9651, as the draft has it, or bare, as many clients send it. */
const KEY = /^(?:"((?:[\x20\x21\x23-\x5b\x5d-\x7e]|\\["\\])+)"|([\x21\x23-\x2b\x2d-\x5b\x5d-\x7e]+))$/

/** @throws `bad_request` where it is none */
function textOf({ headers }: FastifyRequest): string | undefined {
  const header = headers['idempotency-key']
  if (header === undefined) return undefined
  const [, quoted, bare] = KEY.exec(String(header)) ?? []
  const text = quoted?.replace(/\\(.)/g, '$1') ?? bare
  if (text !== undefined && text.length <= MAX_LENGTH) return text
  throw new ProblemError('bad_request', {
    detail: `Idempotency-Key must be one string in quotation marks, of at most ${MAX_LENGTH} characters.`,
  })
}

/**
 * @param part which part of the request, where each has an answer of its own
 * @returns undefined where the request has no key, or does nothing that could be done twice
 */
function claimOf(context: Context, request: FastifyRequest, part = 0): Claim | undefined {
  const text = textOf(request)
  if (text === undefined || (request.query as { dry_run?: boolean }).dry_run === true) return undefined
  const [path = '', query = ''] = request.url.split('?')
  const { id } = callerOf(request).actor
  const scope = [id, request.method, path.replace(/\/$/, ''), text, part]
  const content = [request.mediaType ?? '', query, sentIn(request.body)]
  const { secret } = context
  return {
    key: keyedHash(secret, scope),
    // With the client's key as well: that is not in the database, which the secret is.
    fingerprint: keyedHash(Buffer.concat([secret, Buffer.from(text)]), content),
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
function answerTo({ fingerprint }: Claim, kept: IdempotentAnswer): IdempotentAnswer {
  if (kept.fingerprint.equals(fingerprint)) return kept
  throw new ProblemError('idempotency_key_reused', {
    detail: 'A request with this Idempotency-Key was done already, and was another one.',
  })
}

function replay(reply: FastifyReply, { status, headers, body }: IdempotentAnswer): Answer {
  reply.headers({ ...headers, 'idempotent-replayed': 'true' })
  return { status, body }
}

/** Answers. */
export const sendAnswer = (reply: FastifyReply, { status, body }: Answer): FastifyReply =>
  reply.code(status).send(body)

/** A handler that answers what was done already as it was answered then, before anything is looked at or hashed. */
export const once =
  <Generic extends RouteGenericInterface>(
    context: Context,
    handler: (request: FastifyRequest<Generic>, reply: FastifyReply) => unknown,
  ) =>
  async (request: FastifyRequest<Generic>, reply: FastifyReply): Promise<unknown> => {
    const claim = claimOf(context, request)
    if (claim === undefined) return handler(request, reply)
    const caller = callerOf(request)
    if (!caller.isConfirmed) await context.callers.confirm(caller)
    const kept = await findAnswer(context.database, claim.key)
    if (kept === undefined) return handler(request, reply)
    return sendAnswer(reply, replay(reply, answerTo(claim, kept)))
  }

/** Whether the request asks to be done once. */
export const isOnce = (context: Context, request: FastifyRequest): boolean =>
  claimOf(context, request) !== undefined

/**
 * Does a request in a transaction, and keeps the answer where the request has a key.
 * @param part which part of the request, where each has an answer of its own
 * @throws ProblemError where it is refused, or is being done (409)
 */
export async function perform(
  context: Context,
  request: FastifyRequest,
  reply: FastifyReply,
  work: (transaction: Transaction) => Promise<Performed>,
  part?: number,
): Promise<Answer> {
  const claim = claimOf(context, request, part)
  const performed = await context.database.transaction((transaction) =>
    claim === undefined ? work(transaction) : performOnce(transaction, claim, reply, work),
  )
  if ('problem' in performed) throw performed.problem
  return performed
}

async function performOnce(
  transaction: Transaction,
  claim: Claim,
  reply: FastifyReply,
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
  if (kept !== undefined) return replay(reply, answerTo(claim, kept))
  const performed = await work(transaction)
  if (!('problem' in performed))
    keepAnswer(transaction, claim.key, { ...performed, ...claimed(claim, reply) })
  return performed
}

function claimed({ fingerprint }: Claim, reply: FastifyReply) {
  const headers = KEPT_HEADERS.flatMap((name) => {
    const value = reply.getHeader(name)
    return value === undefined ? [] : [[name, String(value)]]
  })
  return { fingerprint, headers: Object.fromEntries(headers) as Record<string, string> }
}
