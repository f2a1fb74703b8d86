/** What requests are answered: whole, or with nothing but where they stand (RFC 7240). */
import type { FastifyReply, FastifyRequest } from 'fastify'
import { ProblemError } from '../errors.js'
import { isNotModified, isStale } from './preconditions.js'
import { followed, preferencesOf } from './preferences.js'

/** What a request is answered. Nothing of it is told before what was done holds. */
export interface Answer {
  status: number
  headers: Record<string, string>
  body?: unknown
}

/** Something as it is now. */
interface Current {
  /** Its entity tag. */
  etag: string
  /** What is shown of it. */
  body: unknown
}

/** What is answered where nothing is preferred. */
export type DefaultReturn = 'minimal' | 'representation'

/**
 * The answer to a change, in the form that the client prefers.
 * @param location where it is, for something new
 */
export function changeAnswer(
  request: FastifyRequest,
  reply: FastifyReply,
  { etag, body }: Current,
  { location, fallback = 'representation' }: { location?: string; fallback?: DefaultReturn } = {},
): Answer {
  const { returns = fallback } = preferencesOf(request)
  const isMinimal = returns === 'minimal'
  const headers: Record<string, string> = followed(request, reply)
  headers.etag = etag
  if (location !== undefined) headers.location = location
  const status = isMinimal ? 204 : 200
  return { status: location === undefined ? status : 201, headers, body: isMinimal ? undefined : body }
}

/** Sends an answer. */
export function sendAnswer(reply: FastifyReply, { status, headers, body }: Answer): FastifyReply {
  const others = reply.getHeader('vary')
  return reply
    .code(status)
    .headers(headers)
    .header('vary', others === undefined ? 'Prefer' : `${others}, Prefer`)
    .send(body)
}

/** Answers a read: whole, or with nothing where the client has it already (RFC 9110 §13.2.2). */
export function sendRead(
  request: FastifyRequest,
  reply: FastifyReply,
  { etag, body }: Current,
): FastifyReply {
  reply.header('etag', etag)
  if (isStale(request, etag))
    throw new ProblemError('precondition_failed', { detail: 'It changed since it was read.' })
  return isNotModified(request, etag) ? reply.code(304).send() : reply.send(body)
}
