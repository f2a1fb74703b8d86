/** What a balancer asks: whether the process lives, and whether it should get requests. */
import { Type } from '@sinclair/typebox'
import type { FastifyInstance } from 'fastify'
import { everybody, rule } from '../http/access.js'
import { registerOtherMethods } from '../http/other-methods.js'
import { refusal } from '../http/route.js'
import { Problem } from '../../schemas/index.js'
import { unavailable } from '../errors.js'

export const HEALTH_PATHS: ReadonlySet<string> = new Set(['/healthz', '/readyz'])

export interface HealthOptions {
  /** Resolves where the database answers. */
  ping(): Promise<void>
  /** Whether the service is going down: then it is alive, and not ready. */
  isDraining(): boolean
}

const ok = {
  content: {
    'application/json': {
      schema: Type.Object({ status: Type.Literal('ok') }, { examples: [{ status: 'ok' }] }),
    },
  },
}

/** `/healthz` never touches the database; `/readyz` does, and falls first when the service goes down. */
export function registerHealth(app: FastifyInstance, { ping, isDraining }: HealthOptions): void {
  app.addSchema(Problem)
  const shared = { tags: ['health'] }
  app.get('/healthz', {
    config: rule(everybody),
    schema: {
      ...shared,
      operationId: 'readHealth',
      summary: 'Is the process alive?',
      description: 'Answers without touching the database.',
      response: { 200: { description: 'It is.', ...ok } },
    },
    handler: async () => ({ status: 'ok' }),
  })
  app.get('/readyz', {
    config: rule(everybody),
    schema: {
      ...shared,
      operationId: 'readReadiness',
      summary: 'Is the service ready?',
      description: 'Whether the database answers, and the service is not about to end.',
      response: {
        200: { description: 'It is.', ...ok },
        503: refusal(['unavailable']),
      },
    },
    handler: async () => {
      if (isDraining()) throw unavailable('unavailable', 'The service is about to end.')
      await ping()
      return { status: 'ok' }
    },
  })
  for (const path of HEALTH_PATHS) registerOtherMethods(app, path, ['GET', 'HEAD'], everybody)
}
