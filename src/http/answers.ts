/** What changes of users and groups are answered: whole, or with nothing but where they stand (RFC 7240). */
import type { FastifyReply, FastifyRequest } from 'fastify'
import type { Answer } from './idempotency.js'
import { isKnown } from './preconditions.js'
import { preferencesOf, tellApplied } from './preferences.js'

export interface Changed {
  /** The entity tag as it is now. */
  etag: string
  /** What is shown. */
  body: unknown
  /** Where it is, for something new. */
  location?: string | undefined
}

/** What is answered where nothing is preferred. */
export type DefaultReturn = 'minimal' | 'representation'

/** The answer to a change, in the form that the client prefers. */
export function changeAnswer(
  request: FastifyRequest,
  reply: FastifyReply,
  { etag, body, location }: Changed,
  fallback: DefaultReturn = 'representation',
): Answer {
  const { returns } = preferencesOf(request)
  if (returns !== undefined) tellApplied(reply, `return=${returns}`)
  reply.header('etag', etag).header('vary', 'Prefer')
  if (location !== undefined) reply.header('location', location)
  const status = location === undefined ? 200 : 201
  if ((returns ?? fallback) === 'representation') return { status, body }
  return { status: location === undefined ? 204 : 201 }
}

/** Answers a read: whole, or with nothing where the client has it already (RFC 9110 §13.1.2). */
export function sendRead(
  request: FastifyRequest,
  reply: FastifyReply,
  { etag, body }: Changed,
): FastifyReply {
  reply.header('etag', etag)
  return isKnown(request, etag) ? reply.code(304).send() : reply.send(body)
}
