/** One line a request, with its id, its answer and how long it took. */
import type { FastifyInstance } from 'fastify'
import { actorIn } from '../http/route.js'

/** Replaces Fastify's two lines a request. Health checks are logged as `debug`. */
export function logRequests(app: FastifyInstance, quiet: ReadonlySet<string>): void {
  app.addHook('onRequest', (request, reply, done) => {
    reply.header('x-request-id', request.id)
    done()
  })
  app.addHook('onResponse', (request, reply, done) => {
    const level = quiet.has(request.url) ? 'debug' : 'info'
    const details = { req: request, status: reply.statusCode, ms: Math.round(reply.elapsedTime * 10) / 10 }
    request.log[level]({ ...details, actor: actorIn(request)?.id }, 'request')
    done()
  })
}
