/** The shape of a route, and what all of their published descriptions share. */
/// <reference types="@fastify/swagger" />
import type { FastifyReply, FastifyRequest, FastifySchema, RouteGenericInterface } from 'fastify'
import { Problem, type ProblemCode, ref } from '../../schemas/index.js'
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

/** The media type of every body and answer. */
export const JSON_MEDIA_TYPE = 'application/json'

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

/** A page of a list, as published. */
export const listAnswer = (description: string, schema: { $ref: string }) => ({
  ...answer(description, schema),
  headers: {
    link: header(
      'The pages around this one (RFC 8288): `first`, `prev`, `next` and, where it is known, `last`.',
      '</admin/users/?page=2>; rel="next"',
    ),
  },
})

/** Where something new is. */
export const LOCATION = { location: header('The URL of what was made.', '/admin/users/7/') }

/** A success that has nothing to say. */
export const NOTHING_TO_SAY = { description: 'Done.', type: 'null' } as const

/** Everything that can happen to any request that needs credentials. */
const COMMON: ProblemCode[] = [
  'not_authenticated',
  'authentication_failed',
  'permission_denied',
  'not_acceptable',
  'internal_error',
  'unavailable',
]

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

/** One status of refusals, as published. */
export const refusal = (codes: ProblemCode[]) => ({
  description: codes.map((code) => PROBLEMS[code].title).join('; '),
  content: {
    'application/problem+json': {
      schema: ref(Problem),
      examples: Object.fromEntries(codes.map((code) => [code, { value: exampleOf(code) }])),
    },
  },
})
