/** What every refusal and failure looks like: problem details (RFC 9457), with what a DRF client reads beside. */
import { type Static, Type } from '@sinclair/typebox'

/** Every code that a problem can carry. `src/errors.ts` gives each its status, title and meaning. */
export const PROBLEM_CODES = [
  'parse_error',
  'invalid',
  'not_authenticated',
  'authentication_failed',
  'permission_denied',
  'not_found',
  'method_not_allowed',
  'not_acceptable',
  'request_timeout',
  'last_superuser',
  'in_use',
  'patch_conflict',
  'request_in_progress',
  'events_gone',
  'precondition_failed',
  'payload_too_large',
  'uri_too_long',
  'unsupported_media_type',
  'expectation_failed',
  'idempotency_key_reused',
  'precondition_required',
  'too_many_requests',
  'headers_too_large',
  'bad_request',
  'internal_error',
  'busy',
  'unavailable',
] as const
export type ProblemCode = (typeof PROBLEM_CODES)[number]

/** What is wrong with one value of a body. */
export const Fault = Type.Object(
  {
    pointer: Type.String({
      description: 'Where in the body (RFC 6901); empty for the body itself.',
      examples: ['/username'],
    }),
    code: Type.String({ description: 'The kind of fault.', examples: ['unique'] }),
    detail: Type.String({
      description: 'For a person.',
      examples: ['A user with that username already exists.'],
    }),
  },
  { title: 'Fault' },
)
export type Fault = Static<typeof Fault>

export const Problem = Type.Object(
  {
    type: Type.String({ format: 'uri-reference', description: 'Where this kind of problem is explained.' }),
    title: Type.String({ description: 'The kind of problem, for a person.' }),
    status: Type.Integer({ minimum: 400, maximum: 599, description: 'The status code of the answer.' }),
    code: Type.Unsafe<ProblemCode>({
      type: 'string',
      enum: [...PROBLEM_CODES],
      description: 'The kind of problem, for a program.',
    }),
    request_id: Type.Optional(Type.String({ description: 'Names the request in the log of the service.' })),
    detail: Type.Optional(
      Type.String({
        description: 'What happened, for a person. Absent for the faults of a body, which `errors` names.',
      }),
    ),
    errors: Type.Optional(
      Type.Array(Fault, { description: 'Every fault of the body, or every field refused.' }),
    ),
    missing_permissions: Type.Optional(
      Type.Array(Type.String(), {
        description: 'The permissions that the caller would need to hold, as `app_label.codename`.',
        examples: [['auth.delete_user']],
      }),
    ),
  },
  {
    $id: 'fastify-user-admin/Problem',
    title: 'Problem',
    description:
      "A refusal or failure. Beside the members below, a body's faults stand under their field's name, as Django " +
      'REST Framework answers them: `{"username": ["…"]}`, or `non_field_errors` for the body itself.',
    additionalProperties: true,
  },
)
export type Problem = Static<typeof Problem>
