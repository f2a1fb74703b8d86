/** One line a request, with its id, its answer and how long it took. */
import type { FastifyInstance } from 'fastify'
import { callerIn } from '../http/route.js'

/** The levels at which these lines are seen. */
const SEEN: ReadonlySet<string> = new Set(['trace', 'debug', 'info'])

/** Replaces Fastify's two lines a request. Those of `quiet` paths are logged as `debug`. */
export function logRequests(app: FastifyInstance, logLevel: string, quiet: ReadonlySet<string>): void {
  app.addHook('onRequest', (request, reply, done) => {
    reply.header('x-request-id', request.id)
    done()
  })
  // What nobody sees need not be put together.
  if (!SEEN.has(logLevel)) return
  app.addHook('onResponse', (request, reply, done) => {
    const level = quiet.has(request.url) ? 'debug' : 'info'
    const details = { req: request, status: reply.statusCode, ms: Math.round(reply.elapsedTime * 10) / 10 }
    request.log[level]({ ...details, actor: callerIn(request)?.actor.id }, 'request')
    done()
  })
}
