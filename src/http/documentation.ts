/** The published document (OpenAPI 3.1) and Swagger UI, both made from the routes. */
import swagger from '@fastify/swagger'
import swaggerUi, { type FastifySwaggerUiOptions } from '@fastify/swagger-ui'
import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify'
import { stringify } from 'yaml'
import { everybody, rule, ruleIn } from './access.js'
import { registerOtherMethods } from './other-methods.js'
import { JSON_MEDIA_TYPE } from './route.js'

// Swagger UI's own bundle sets style attributes; scripts come from this service alone.
const CONTENT_SECURITY_POLICY = [
  "default-src 'none'",
  "base-uri 'none'",
  "connect-src 'self'",
  "font-src 'self'",
  "form-action 'none'",
  "frame-ancestors 'none'",
  "img-src 'self' data:",
  "script-src 'self'",
  "style-src 'self' 'unsafe-inline'",
].join('; ')

/**
 * A proxy may serve all of this below a path that nobody here knows of. So Swagger UI finds its files relative to its page, and the
 * API relative to its own copy of the document, `/docs/json`.
 */
const BELOW_ANY_PREFIX: Pick<FastifySwaggerUiOptions, 'indexPrefix' | 'transformSpecification'> = {
  indexPrefix: '.',
  transformSpecification: (document) => ({
    ...document,
    servers: [{ url: '..', description: 'This service' }],
  }),
}

const DESCRIPTION = `Administers the users of a Django-style directory.

Every request carries \`Authorization: Bearer <API key>\` or, beside a Django REST Framework, \`Authorization: Token <key>\`.

Refusals and failures are problem details (RFC 9457). Their \`code\` says of what kind they are; **List Problems**, below, explains each.`

/** The parts of the document that are written by hand; the rest comes from the routes. */
const openapi = (version: string) => ({
  openapi: '3.1.0',
  info: {
    title: 'fastify-user-admin',
    version,
    description: DESCRIPTION,
    license: { name: 'MIT', identifier: 'MIT' },
  },
  servers: [{ url: '/', description: 'This service' }],
  tags: [
    { name: 'users', description: 'The users of the directory.' },
    { name: 'groups', description: 'Groups of users, who share permissions.' },
    { name: 'permissions', description: 'What there is to be allowed, and who may do it.' },
    { name: 'events', description: 'Who changed what.' },
    { name: 'documentation', description: 'What the answers mean.' },
    { name: 'health', description: 'For balancers and supervisors.' },
  ],
  components: {
    securitySchemes: {
      apiKey: {
        type: 'http' as const,
        scheme: 'bearer',
        description: 'An API key of this service, or a JWT of the identity provider that it trusts.',
      },
      token: {
        type: 'apiKey' as const,
        in: 'header' as const,
        name: 'Authorization',
        description: 'A token of Django REST Framework, written as `Token <key>`.',
      },
    },
  },
})

/** Must come before the routes: it collects them as they are registered. */
export async function collectDocument(app: FastifyInstance, version: string): Promise<void> {
  await app.register(swagger, {
    openapi: openapi(version),
    // `$id` is `fastify-user-admin/User`: the document calls it `User`.
    refResolver: { buildLocalReference: ({ $id }) => String($id).split('/').at(-1)! },
    // From the access table, so that a host's own document is not told of schemes that it does not have.
    transform: ({ schema, url, route }) => {
      const access = ruleIn(route.config)
      const security = access?.kind === 'public' ? [] : [{ apiKey: [] }, { token: [] }]
      return { schema: { ...schema, security }, url }
    },
    transformObject: (source) => {
      if (!('openapiObject' in source)) throw new Error('the document is OpenAPI 3')
      return completed(source.openapiObject) as typeof source.openapiObject
    },
  })
}

interface Media {
  schema?: { $ref?: string }
  examples?: Record<string, { value: unknown }>
}
interface Header {
  schema: { 'x-required'?: true }
  required?: boolean
}
interface Operation {
  requestBody?: { content: Record<string, Media>; required?: boolean }
  responses?: Record<string, { headers?: Record<string, Header> }>
}
interface BodySchema {
  type?: string
  examples?: unknown[]
  required?: string[]
}

/** What Fastify's schemas have no place for. */
function completed<T>(document: T): T {
  const { paths = {}, components } = document as {
    paths?: Record<string, Record<string, Operation>>
    components?: { schemas?: Record<string, BodySchema> }
  }
  for (const { requestBody, responses = {} } of Object.values(paths).flatMap((path) => Object.values(path))) {
    if (requestBody !== undefined) completeBody(requestBody, components?.schemas ?? {})
    for (const { headers = {} } of Object.values(responses)) Object.values(headers).forEach(completeHeader)
  }
  return document
}

/** It is prefilled with its schema's example, and required unless it may be an object without any field: none says the same. */
function completeBody(
  body: NonNullable<Operation['requestBody']>,
  schemas: Record<string, BodySchema>,
): void {
  const schemaOf = ({ schema }: Media) => schemas[schema?.$ref?.split('/').at(-1) ?? '']
  const json = body.content[JSON_MEDIA_TYPE]
  const { type, required = [] } = (json && schemaOf(json)) ?? {}
  body.required = type !== 'object' || required.length > 0
  for (const media of Object.values(body.content)) {
    const examples = schemaOf(media)?.examples
    if (examples === undefined) continue
    media.examples = Object.fromEntries(examples.map((value, index) => [`example${index + 1}`, { value }]))
  }
}

/** OpenAPI has `required` beside the schema. */
function completeHeader(header: Header): void {
  if (header.schema['x-required']) header.required = true
  delete header.schema['x-required']
}

/** The document as it is published: `/openapi.json`, `/openapi.yaml` and Swagger UI at `/docs`. */
export async function serveDocument(app: FastifyInstance): Promise<void> {
  const asYaml = (_request: FastifyRequest, reply: FastifyReply) =>
    reply.type('application/yaml; charset=utf-8').send(documentYaml(app))
  const options = { config: rule(everybody), schema: { hide: true } }
  app.get('/openapi.json', { ...options, handler: async () => app.swagger() })
  app.get('/openapi.yaml', { ...options, handler: asYaml })
  for (const url of ['/openapi.json', '/openapi.yaml'])
    registerOtherMethods(app, url, ['GET', 'HEAD'], everybody)
  await app.register(async (scope) => {
    // Its routes can't say who may use them: all of them are files for everybody.
    scope.addHook('onRoute', (route) => {
      route.config = { ...route.config, ...rule(everybody) }
    })
    await scope.register(swaggerUi, {
      routePrefix: '/docs',
      ...BELOW_ANY_PREFIX,
      staticCSP: CONTENT_SECURITY_POLICY,
      uiConfig: {
        deepLinking: true,
        persistAuthorization: false,
        tryItOutEnabled: true,
        displayRequestDuration: true,
      },
    })
  })
}

/** The document as YAML: what `openapi.yaml` holds. */
export const documentYaml = (app: FastifyInstance): string =>
  stringify(app.swagger(), { aliasDuplicateObjects: false, lineWidth: 110 })
