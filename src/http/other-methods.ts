/** What a URL answers to the methods that it lacks. */
import type { FastifyInstance, HTTPMethods } from 'fastify'
import { ProblemError } from '../errors.js'
import { type Access, rule } from './access.js'

/**
 * Registers the rest of a URL: `OPTIONS` tells which methods it has, all others are 405.
 * @param methods those that it has
 * @param patchTypes what its PATCH takes
 */
export function registerOtherMethods(
  app: FastifyInstance,
  url: string,
  methods: string[],
  access: Access,
  patchTypes: readonly string[] = [],
): void {
  const allow = [...methods, 'OPTIONS'].join(', ')
  const headers: Record<string, string> = { allow }
  if (patchTypes.length > 0) headers['accept-patch'] = patchTypes.join(', ')
  const schema = { hide: true }
  const config = rule(access)
  app.route({
    method: 'OPTIONS',
    url,
    schema,
    config,
    handler: (_request, reply) => reply.headers(headers).send(),
  })
  app.route({
    method: app.supportedMethods.filter(
      (method) => method !== 'OPTIONS' && !methods.includes(method),
    ) as HTTPMethods[],
    url,
    schema,
    config,
    // Refused before the body is looked at: whatever its type, the method is what is wrong.
    onRequest: async (request) => {
      throw new ProblemError('method_not_allowed', {
        detail: `Method "${request.method}" not allowed.`,
        headers,
      })
    },
    handler: () => undefined,
  })
}
