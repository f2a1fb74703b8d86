/** Metrics on a port of their own, which no proxy of the API leads to. */
import Fastify, { type FastifyInstance } from 'fastify'
import type { Registry } from 'prom-client'

/** Serves `/metrics`. It listens as soon as it is asked to, and ends with whoever closes it. */
export function makeMetricsServer(registry: Registry): FastifyInstance {
  const app = Fastify()
  app.get('/metrics', async (_request, reply) =>
    reply.type(registry.contentType).send(await registry.metrics()),
  )
  return app
}
