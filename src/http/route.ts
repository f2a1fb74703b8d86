/** The shape of a route, and what all of their published descriptions share. */
/// <reference types="@fastify/swagger" />
import type { FastifyReply, FastifyRequest, FastifySchema, RouteGenericInterface } from 'fastify'
import type { TSchema } from '@sinclair/typebox'
import { JsonPatch, Problem, type ProblemCode, ref } from '../../schemas/index.js'
import type { Caller } from '../domain/callers.js'
import { PROBLEMS } from '../errors.js'

/** What a route file declares: its description and what it does. Its URL and its rule stand in `routes.ts`. */
export interface RouteBody {
  schema: FastifySchema
  /** The handler confirms the caller with what it reads or writes, before anything comes of it. */
  confirmsCaller?: true
  /** Bytes of a body, at most, where it may be larger than others. */
  bodyLimit?: number
  handler(request: FastifyRequest<any>, reply: FastifyReply): unknown
}

/** Declares a route whose handler sees its own types. */
export const defineRoute = <Generic extends RouteGenericInterface>(
  route: Omit<RouteBody, 'handler'> & {
    handler(request: FastifyRequest<Generic>, reply: FastifyReply): unknown
  },
): RouteBody => route

/** Under which the caller of a request is kept. A symbol, so that no decorator of a host is in the way. */
export const CALLER = Symbol('fastify-user-admin.caller')

/** Who makes the request. Only routes with a permission rule have one. */
export const callerOf = (request: FastifyRequest): Caller => request.getDecorator<Caller>(CALLER)

/** The same for whoever can't know which route it is. */
export const callerIn = (request: FastifyRequest): Caller | undefined =>
  (request as unknown as Record<symbol, Caller | undefined>)[CALLER]

/** The media type of every answer, and of every body but some of a PATCH. */
export const JSON_MEDIA_TYPE = 'application/json'
/** RFC 7396. Users and groups are flat, and none of their members can be removed: it says the same as plain JSON. */
export const MERGE_PATCH_MEDIA_TYPE = 'application/merge-patch+json'
/** RFC 6902. */
export const JSON_PATCH_MEDIA_TYPE = 'application/json-patch+json'

/** The body of a PATCH of one thing, in each of its formats. */
export const patchBody = (update: TSchema) => ({
  content: {
    [JSON_MEDIA_TYPE]: { schema: ref(update) },
    [MERGE_PATCH_MEDIA_TYPE]: { schema: ref(update) },
    [JSON_PATCH_MEDIA_TYPE]: { schema: ref(JsonPatch) },
  },
})

/** The body of such a request, checked by the schema of its type. Without a body it is an empty one in plain JSON. */
export function patchIn(request: FastifyRequest): unknown {
  if (request.body !== undefined) return request.body
  return structuredClone((request.routeOptions.config as { noBody?: unknown }).noBody)
}

/** What a PATCH takes, for `Accept-Patch` (RFC 5789). */
export const patchTypesOf = ({ body }: FastifySchema): string[] =>
  Object.keys((body as Partial<ReturnType<typeof patchBody>>)?.content ?? { [JSON_MEDIA_TYPE]: true })

/** A success, as published. */
export const answer = (description: string, schema: { $ref: string }) => ({
  description,
  content: { [JSON_MEDIA_TYPE]: { schema } },
})

const header = (description: string, example: string) => ({
  description,
  type: 'string',
  examples: [example],
})

/** A header that no answer of its status lacks. OpenAPI says so beside the schema: see `documentation.ts`. */
const always = <Header extends object>(published: Header) => ({ ...published, 'x-required': true })

/** A page of a list, as published. */
export const listAnswer = (description: string, schema: { $ref: string }) => ({
  ...answer(description, schema),
  headers: {
    link: always(
      header(
        'The pages around this one (RFC 8288): `first`, `prev`, `next` and, where it is known, `last`.',
        '</admin/users/?page=2>; rel="next"',
      ),
    ),
  },
})

/** Where something new is. */
const LOCATION = { location: always(header('The URL of what was made.', '/admin/users/7/')) }

/** Which state it is in. */
const CURRENT_TAG = header('Its entity tag as it is now, for `If-Match`.', '"rMX0nJlC8ZKkBv9mA1eQyZ7x"')
const ETAG = { etag: always(CURRENT_TAG) }

/** Whether it is one of before. */
const REPLAYED = {
  'idempotent-replayed': header(
    '`true` where a request with this `Idempotency-Key` was done already, and this is what it was answered.',
    'true',
  ),
}

/** What answers to changes tell beside. */
const OUTCOME_HEADERS = {
  'preference-applied': header('Which preferences were followed (RFC 7240).', 'return=representation'),
  'dropped-fields': header(
    'With `handling=lenient`: pointers to the fields that were dropped, as strings (RFC 9651).',
    '"/nickname"',
  ),
  ...REPLAYED,
  vary: always(header('What else decides on the form of the answer.', 'Prefer')),
}

/** The same of one thing. */
const CHANGE_HEADERS = { ...ETAG, ...OUTCOME_HEADERS }

/** Something that was read, as published. */
export const readAnswer = (description: string, schema: { $ref: string }) => ({
  200: { ...answer(description, schema), headers: ETAG },
  304: { description: 'It is as `If-None-Match` says.', headers: ETAG, type: 'null' },
})

/** A type of its own, so that nobody takes what would be for what is, and clients have one type for each. */
export const DRY_RUN_MEDIA_TYPE = 'application/vnd.user-admin.dry-run+json'

/** A change, as published: with a body, without one, or only tried. */
export const changeAnswers = (description: string, schema: { $ref: string }, dryRun?: { $ref: string }) => ({
  200: {
    description,
    content: {
      [JSON_MEDIA_TYPE]: { schema },
      ...(dryRun && { [DRY_RUN_MEDIA_TYPE]: { schema: dryRun } }),
    },
    headers: CHANGE_HEADERS,
  },
  204: { description: 'Done, with `Prefer: return=minimal`.', headers: CHANGE_HEADERS, type: 'null' },
})

/** A creation, as published. */
export const creationAnswers = (description: string, schema: { $ref: string }) => ({
  201: {
    ...answer(`${description} Without a body with \`Prefer: return=minimal\`.`, schema),
    headers: { ...LOCATION, ...CHANGE_HEADERS },
  },
})

/** Changes of many, as published. */
export const bulkAnswer = (description: string, schema: { $ref: string }) => ({
  ...answer(description, schema),
  headers: OUTCOME_HEADERS,
})

/** A deletion, as published. */
export const deletionAnswers = { 204: { description: 'Done.', headers: REPLAYED, type: 'null' } }

/** Everything that can happen to any request that needs credentials. */
const COMMON: ProblemCode[] = [
  'not_authenticated',
  'authentication_failed',
  'permission_denied',
  'not_acceptable',
  'too_many_requests',
  'internal_error',
  'unavailable',
]

/** What happens to a request that changes something, beside. */
export const CHANGE_PROBLEMS: ProblemCode[] = [
  'bad_request',
  'request_in_progress',
  'precondition_failed',
  'idempotency_key_reused',
  'precondition_required',
]

/** And to one that makes something. */
export const CREATION_PROBLEMS = CHANGE_PROBLEMS.filter((code) => code !== 'precondition_required')

/** What happens to a request with a body, beside. */
export const BODY_PROBLEMS: ProblemCode[] = [
  'invalid',
  'parse_error',
  'payload_too_large',
  'unsupported_media_type',
]

const EXAMPLE_DETAILS: Partial<Record<ProblemCode, Record<string, unknown>>> = {
  invalid: {
    errors: [{ pointer: '/username', code: 'unique', detail: 'A user with that username already exists.' }],
    username: ['A user with that username already exists.'],
  },
  precondition_failed: {
    detail: 'It changed since it was read. ETag has the current entity tag.',
    errors: [{ pointer: '/email', code: 'changed', detail: 'Changed since it was read.' }],
  },
  permission_denied: {
    detail: 'You do not have permission to change these fields of this user.',
    errors: [
      {
        pointer: '/groups',
        code: 'permission_denied',
        detail: 'This would give permissions that you do not hold.',
      },
    ],
    missing_permissions: ['auth.delete_user'],
  },
}

const exampleOf = (code: ProblemCode) => ({
  type: `/admin/problems/#${code}`,
  title: PROBLEMS[code].title,
  status: PROBLEMS[code].status,
  code,
  request_id: '7c9e6679-7425-40de-944b-e07fc1f90ae7',
  ...(EXAMPLE_DETAILS[code] ?? { detail: PROBLEMS[code].title }),
})

/** The refusals and failures of an operation, as published: one entry a status, an example for each code. */
export function problemAnswers(codes: ProblemCode[]) {
  const byStatus = new Map<number, ProblemCode[]>()
  for (const code of [...codes, ...COMMON]) {
    const { status } = PROBLEMS[code]
    byStatus.set(status, [...(byStatus.get(status) ?? []), code])
  }
  return Object.fromEntries(
    [...byStatus].toSorted(([a], [b]) => a - b).map(([status, same]) => [status, refusal(same)]),
  )
}

/** What some refusals tell in their headers. */
const REFUSAL_HEADERS: Partial<Record<ProblemCode, Record<string, ReturnType<typeof header>>>> = {
  authentication_failed: {
    'www-authenticate': always(header('Which credentials are taken.', 'Bearer realm="user-admin"')),
  },
  unsupported_media_type: {
    'accept-patch': always(header('What a PATCH takes (RFC 5789).', JSON_MEDIA_TYPE)),
  },
  // Whoever may not read it is not told.
  precondition_failed: { etag: CURRENT_TAG },
  request_in_progress: { 'retry-after': header('Seconds.', '1') },
  too_many_requests: {
    'retry-after': always(header('Seconds.', '30')),
    ratelimit: always(header('What is left of each limit, and for how many seconds.', '"address";r=0;t=30')),
    'ratelimit-policy': always(header('The limits, and their windows in seconds.', '"address";q=600;w=60')),
  },
  unavailable: { 'retry-after': always(header('Seconds.', '1')) },
}

function refusalHeaders(codes: ProblemCode[]) {
  const headers = Object.assign({}, ...codes.map((code) => REFUSAL_HEADERS[code])) as object
  return Object.keys(headers).length === 0 ? {} : { headers }
}

/** One status of refusals, as published. */
export const refusal = (codes: ProblemCode[]) => ({
  ...refusalHeaders(codes),
  description: codes.map((code) => PROBLEMS[code].title).join('; '),
  content: {
    'application/problem+json': {
      schema: ref(Problem),
      examples: Object.fromEntries(codes.map((code) => [code, { value: exampleOf(code) }])),
    },
  },
})
