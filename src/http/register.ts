/** Puts the routes into one Fastify scope: parser, validators, access rules, renderer, and what a URL lacks. */
import type { FastifyInstance, FastifyRequest, FastifySchema } from 'fastify'
import type { TSchema } from '@sinclair/typebox'
import { invalid, ProblemError } from '../errors.js'
import { requireJsonAccepted } from './accept.js'
import { anyCredentials, requireRules, rule, ruleIn } from './access.js'
import type { Context } from './context.js'
import { parseJson } from './json-body.js'
import { registerOtherMethods } from './other-methods.js'
import { sendProblem, toProblem } from './problems.js'
import {
  CALLER,
  callerIn,
  JSON_MEDIA_TYPE,
  JSON_PATCH_MEDIA_TYPE,
  MERGE_PATCH_MEDIA_TYPE,
  type patchBody,
  patchTypesOf,
} from './route.js'
import { type Route, routes } from './routes.js'
import { makeSerializerCompiler } from './serialization.js'
import { makeValidatorCompiler } from './validation.js'

/** Bytes of a body, at most. */
export const BODY_LIMIT = 524_288

/** Registers every route of the API in this scope. Nothing reaches the scopes above it. */
export function registerRoutes(app: FastifyInstance, context: Context): void {
  const documentation = `${app.prefix}/problems/`
  for (const schema of Object.values(context.contract) as TSchema[]) app.addSchema(schema)
  app.setValidatorCompiler(makeValidatorCompiler(context.contract))
  app.setSerializerCompiler(makeSerializerCompiler(context.contract))
  app.setErrorHandler(async (error, request, reply) => {
    sendProblem(await tellable(context, request, error), request, reply, documentation)
    return reply
  })
  if (app.prefix !== '') app.setNotFoundHandler(() => Promise.reject(new ProblemError('not_found')))
  useJsonBodies(app)
  guardRoutes(app, context)
  for (const [url, group] of byUrl(routes(context))) {
    // Without a prefix the root is the host's.
    if (app.prefix + url === '/') continue
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
  const patch = group.find(({ method }) => method === 'PATCH')
  const patchTypes = patch && patchTypesOf(patch.schema)
  for (const { method, access, schema, handler, confirmsCaller, bodyLimit } of group) {
    app.route({
      method,
      url,
      handler,
      bodyLimit: bodyLimit ?? BODY_LIMIT,
      exposeHeadRoute: true,
      schema: { ...schema, hide },
      config: { ...rule(access), confirmsCaller, patchTypes, noBody: readNoBody(app, schema) } as object,
    })
  }
  const methods = group.flatMap(({ method }) => (method === 'GET' ? ['GET', 'HEAD'] : [String(method)]))
  // Needs no database, and tells nothing.
  registerOtherMethods(app, url, methods, anyCredentials, patchTypes)
}

/** Where a body's type says how it is read, no body says nothing: it is an empty one in plain JSON. */
function readNoBody(app: FastifyInstance, { body }: FastifySchema): unknown {
  const { content } = (body ?? {}) as Partial<ReturnType<typeof patchBody>>
  if (content === undefined) return undefined
  const { schema } = content[JSON_MEDIA_TYPE]
  const read = app.validatorCompiler!({ schema, httpPart: 'body', method: '', url: '' })
  return (read(null) as { value: unknown }).value
}

/** JSON in UTF-8 and nothing else: no forms, no other charsets, no compression. */
function useJsonBodies(app: FastifyInstance): void {
  const unsupported = (detail: string) => new ProblemError('unsupported_media_type', { detail })
  const requireReadable = ({ headers, raw }: FastifyRequest) => {
    // Node.js would take the first of several, and a proxy in front perhaps the last.
    if (countContentTypes(raw.rawHeaders) > 1) throw unsupported('Content-Type was sent twice.')
    // As nearly all clients send it.
    if (headers['content-type'] === JSON_MEDIA_TYPE && headers['content-encoding'] === undefined) return
    const charset = /;\s*charset\s*=\s*"?([^\s";]*)/i.exec(headers['content-type'] ?? '')?.[1] ?? 'utf-8'
    if (!/^utf-?8$/i.test(charset)) throw unsupported('JSON is written in UTF-8 (RFC 8259).')
    const encoding = headers['content-encoding'] ?? 'identity'
    if (encoding.toLowerCase() !== 'identity') throw unsupported('Compressed bodies are not taken.')
  }
  const requireTaken = (request: FastifyRequest) => {
    const { mediaType = '' } = request
    if (mediaType === JSON_MEDIA_TYPE) return
    const { patchTypes = [] } = request.routeOptions.config as { patchTypes?: string[] }
    if (request.method !== 'PATCH' || !patchTypes.includes(mediaType)) throw unsupportedType(request.headers)
  }
  const unsupportedType = (headers: FastifyRequest['headers']) =>
    unsupported(`Unsupported media type "${(headers['content-type'] ?? '').slice(0, 100)}" in request.`)
  app.removeAllContentTypeParsers()
  app.addContentTypeParser(
    [JSON_MEDIA_TYPE, MERGE_PATCH_MEDIA_TYPE, JSON_PATCH_MEDIA_TYPE],
    { parseAs: 'buffer' },
    (request: FastifyRequest, body: Buffer, done: (error: Error | null, value?: unknown) => void) => {
      try {
        requireTaken(request)
        requireReadable(request)
        done(null, readBody(body))
      } catch (error) {
        done(error as Error)
      }
    },
  )
  // Without a body there is nothing of a wrong type.
  app.addContentTypeParser('*', async (request: FastifyRequest) => {
    if (request.headers['content-length'] === '0') return undefined
    throw unsupportedType(request.headers)
  })
}

/** Django REST Framework reads an empty body as an empty object. */
function readBody(body: Buffer): unknown {
  if (body.length === 0) return undefined
  const value = parseJson(body)
  if (value === null) throw invalid([{ pointer: '', code: 'null', detail: 'No data provided.' }])
  return value
}

/** @param rawHeaders names and values in turn, as they came */
function countContentTypes(rawHeaders: readonly string[]): number {
  let count = 0
  for (let index = 0; index < rawHeaders.length; index += 2) {
    const name = rawHeaders[index]!
    if (name.length === CONTENT_TYPE.length && name.toLowerCase() === CONTENT_TYPE) count++
  }
  return count
}

const CONTENT_TYPE = 'content-type'

/** Every request passes its route's rule before its body is read. */
function guardRoutes(app: FastifyInstance, context: Context): void {
  app.decorateRequest(CALLER)
  requireRules(app)
  app.addHook('onRequest', async (request, reply) => {
    reply.header('cache-control', 'no-store')
    await context.limits.address(request, reply)
    requireDecodable(request.raw.url ?? '')
    // Not found: there is no route, and so no rule.
    const { config } = request.routeOptions
    const access = ruleIn(config)
    if (access === undefined || access.kind === 'public') return
    requireJsonAccepted(request.headers.accept)
    if (access.kind === 'credentials')
      return context.callers.requireCredentials(request.headers.authorization)
    const find = confirmsCaller(config) ? context.callers.recognize : context.callers.authenticate
    request.setDecorator(CALLER, await find(request, access.anyOf))
    await context.limits.caller(request, reply)
  })
}

/** What stands for no text would be looked for as it is. */
function requireDecodable(url: string): void {
  const query = url.indexOf('?')
  if (query < 0 || !url.includes('%', query)) return
  try {
    decodeURIComponent(url.slice(query))
  } catch {
    throw new ProblemError('bad_request', { detail: 'The query of the URL is not percent-encoded UTF-8.' })
  }
}

const confirmsCaller = (config: object | undefined): boolean =>
  (config as { confirmsCaller?: true } | undefined)?.confirmsCaller === true

/**
 * Before a refusal is told, the caller is confirmed where nothing has done so yet: whoever lost its rights meanwhile
 * learns nothing but that. A failure of the service tells nothing.
 */
async function tellable(context: Context, request: FastifyRequest, error: unknown): Promise<unknown> {
  const caller = callerIn(request)
  if (caller === undefined || caller.isConfirmed || toProblem(error).status >= 500) return error
  return context.callers.confirm(caller).then(
    () => error,
    (refusal: unknown) => refusal,
  )
}
