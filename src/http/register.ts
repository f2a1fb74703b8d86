/** Puts the routes into one Fastify scope: parser, validators, access rules, renderer, and what a URL lacks. */
import type { FastifyInstance, FastifyRequest } from 'fastify'
import type { TSchema } from '@sinclair/typebox'
import { invalid, ProblemError } from '../errors.js'
import { requireJsonAccepted } from './accept.js'
import { anyCredentials, authorize, requireRules, rule, ruleIn } from './access.js'
import { parseAuthorization } from './authenticate.js'
import type { Context } from './context.js'
import { parseJson } from './json-body.js'
import { registerOtherMethods } from './other-methods.js'
import { sendProblem } from './problems.js'
import { ACTOR, JSON_MEDIA_TYPE } from './route.js'
import { type Route, routes } from './routes.js'
import { makeValidatorCompiler } from './validation.js'

/** Bytes of a body, at most. */
export const BODY_LIMIT = 524_288

/** Registers every route of the API in this scope. Nothing reaches the scopes above it. */
export function registerRoutes(app: FastifyInstance, context: Context): void {
  const documentation = `${app.prefix}/problems/`
  for (const schema of Object.values(context.contract) as TSchema[]) app.addSchema(schema)
  app.setValidatorCompiler(makeValidatorCompiler(context.contract))
  app.setErrorHandler((error, request, reply) => sendProblem(error, request, reply, documentation))
  if (app.prefix !== '') app.setNotFoundHandler(() => Promise.reject(new ProblemError('not_found')))
  useJsonBodies(app)
  guardRoutes(app, context)
  for (const [url, group] of byUrl(routes(context))) {
    registerUrl(app, url, group, false)
    // A host whose router ignores the final slash serves the second form already.
    const bare = url.slice(0, -1)
    if (!app.hasRoute({ method: group[0]!.method, url: app.prefix + bare }))
      registerUrl(app, bare, group, true)
  }
}

function byUrl(all: Route[]): Map<string, Route[]> {
  const urls = new Map<string, Route[]>()
  for (const route of all) urls.set(route.url, [...(urls.get(route.url) ?? []), route])
  return urls
}

function registerUrl(app: FastifyInstance, url: string, group: Route[], hide: boolean): void {
  for (const { method, access, schema, handler } of group) {
    app.route({
      method,
      url,
      handler,
      bodyLimit: BODY_LIMIT,
      exposeHeadRoute: true,
      schema: { ...schema, hide },
      config: rule(access),
    })
  }
  const methods = group.flatMap(({ method }) => (method === 'GET' ? ['GET', 'HEAD'] : [String(method)]))
  // Needs no database, and tells nothing.
  registerOtherMethods(app, url, methods, anyCredentials)
}

/** JSON in UTF-8 and nothing else: no forms, no other charsets, no compression. */
function useJsonBodies(app: FastifyInstance): void {
  const unsupported = (detail: string) => new ProblemError('unsupported_media_type', { detail })
  const requireReadable = ({ headers, raw }: FastifyRequest) => {
    // Node.js would take the first of several, and a proxy in front perhaps the last.
    if (raw.rawHeaders.filter(isContentType).length > 1) throw unsupported('Content-Type was sent twice.')
    const charset = /;\s*charset\s*=\s*"?([^\s";]*)/i.exec(headers['content-type'] ?? '')?.[1] ?? 'utf-8'
    if (!/^utf-?8$/i.test(charset)) throw unsupported('JSON is written in UTF-8 (RFC 8259).')
    const encoding = headers['content-encoding'] ?? 'identity'
    if (encoding.toLowerCase() !== 'identity') throw unsupported('Compressed bodies are not taken.')
  }
  app.removeAllContentTypeParsers()
  app.addContentTypeParser(
    JSON_MEDIA_TYPE,
    { parseAs: 'buffer' },
    async (request: FastifyRequest, body: Buffer) => {
      requireReadable(request)
      // Django REST Framework reads an empty body as an empty object.
      if (body.length === 0) return undefined
      const value = parseJson(body)
      if (value === null) throw invalid([{ pointer: '', code: 'null', detail: 'No data provided.' }])
      return value
    },
  )
  // Without a body there is nothing of a wrong type.
  app.addContentTypeParser('*', async (request: FastifyRequest) => {
    if (request.headers['content-length'] === '0') return undefined
    throw unsupported(
      `Unsupported media type "${(request.headers['content-type'] ?? '').slice(0, 100)}" in request.`,
    )
  })
}

const isContentType = (name: string, index: number) => index % 2 === 0 && /^content-type$/i.test(name)

/** Every request passes its route's rule before its body is read. */
function guardRoutes(app: FastifyInstance, context: Context): void {
  app.decorateRequest(ACTOR)
  requireRules(app)
  app.addHook('onRequest', async (request, reply) => {
    reply.header('cache-control', 'no-store')
    // Not found: there is no route, and so no rule.
    const access = ruleIn(request.routeOptions.config)
    if (access === undefined || access.kind === 'public') return
    requireJsonAccepted(request.headers.accept)
    if (access.kind === 'credentials') {
      if (parseAuthorization(request.headers.authorization) === undefined)
        await context.authenticate(undefined)
      return
    }
    const actor = await context.authenticate(request.headers.authorization)
    authorize(actor, access.anyOf)
    request.setDecorator(ACTOR, actor)
  })
}
