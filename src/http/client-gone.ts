/** When a client goes away before its answer. */
import type { FastifyReply } from 'fastify'
import { ProblemError } from '../errors.js'

/** Aborts when the connection closes before the answer was sent: what still waits then need not be done. */
export function clientGone(reply: FastifyReply): AbortSignal {
  const controller = new AbortController()
  reply.raw.once('close', () => {
    if (reply.raw.writableFinished) return
    controller.abort(new ProblemError('request_timeout', { detail: 'The client closed the connection.' }))
  })
  return controller.signal
}
