/** The client of a request, as far as work for it asks: is it still there? */
import type { FastifyReply } from 'fastify'
import { ProblemError } from '../errors.js'

export interface Client {
  /** Why nothing need be done for it any more; undefined while it waits for its answer. */
  gone(): ProblemError | undefined
  /** Aborts when it goes. Dearer than to ask when its turn comes: for what waits long. */
  signal(): AbortSignal
}

const problem = () => new ProblemError('request_timeout', { detail: 'The client closed the connection.' })

/** Whoever waits for this answer. */
export const clientOf = ({ raw }: FastifyReply): Client => ({
  gone: () => (raw.destroyed ? problem() : undefined),

  signal() {
    const controller = new AbortController()
    if (raw.destroyed) controller.abort(problem())
    else raw.once('close', () => raw.writableFinished || controller.abort(problem()))
    return controller.signal
  },
})
