/** The catalogue of problems: every way a request can be refused or fail, and the one type that carries it. */
import type { Fault, ProblemCode } from '../schemas/index.js'

interface CatalogueEntry {
  status: number
  title: string
  /** When it happens and what the caller can do: the text of the problems page. */
  meaning: string
}

/** Code → status, title and meaning. The problems page and every answer are made from this. */
export const PROBLEMS: Readonly<Record<ProblemCode, CatalogueEntry>> = {
  parse_error: {
    status: 400,
    title: 'Malformed body',
    meaning: 'The body is not one JSON document in UTF-8, repeats a key, or is nested too deep.',
  },
  invalid: {
    status: 400,
    title: 'Invalid input',
    meaning:
      'Values of the body or the query break the rules. `errors` names each of them; nothing was written.',
  },
  bad_request: {
    status: 400,
    title: 'Bad request',
    meaning: 'The request breaks the rules of HTTP: its URL, a header or its framing is malformed.',
  },
  not_authenticated: {
    status: 401,
    title: 'Credentials are missing',
    meaning:
      'Send `Authorization: Bearer <API key>` or, beside a Django REST Framework, `Authorization: Token <key>`.',
  },
  authentication_failed: {
    status: 401,
    title: 'Credentials are not valid',
    meaning: 'The key is unknown, expired or revoked, or its user is inactive.',
  },
  permission_denied: {
    status: 403,
    title: 'Permission denied',
    meaning:
      'The caller is not staff, lacks the permission of the operation, or may not change these fields of this user: ' +
      '`errors` names the fields and `missing_permissions` what the caller would have to hold.',
  },
  not_found: { status: 404, title: 'Not found', meaning: 'There is nothing at this URL.' },
  method_not_allowed: {
    status: 405,
    title: 'Method not allowed',
    meaning: 'The URL has no such method; the header `Allow` lists those that it has.',
  },
  not_acceptable: {
    status: 406,
    title: 'Not acceptable',
    meaning: 'The header `Accept` excludes JSON, which is all that is spoken here.',
  },
  request_timeout: { status: 408, title: 'Request timeout', meaning: 'The request took too long to arrive.' },
  last_superuser: {
    status: 409,
    title: 'Last active superuser',
    meaning:
      'The change would leave no active superuser, and so nobody who could undo it. Make another one first.',
  },
  in_use: {
    status: 409,
    title: 'In use',
    meaning:
      'Other tables of the database refer to what was to be deleted. Nothing was deleted; `detail` names the table.',
  },
  patch_conflict: {
    status: 409,
    title: 'Patch does not apply',
    meaning:
      'A `test` of the JSON Patch failed, or it names an element of a set that is not there. Nothing was written; `errors` names ' +
      'the operation.',
  },
  request_in_progress: {
    status: 409,
    title: 'Request in progress',
    meaning:
      'Another request with this `Idempotency-Key` is being done. Try again after `Retry-After` seconds for what became of it.',
  },
  events_gone: {
    status: 410,
    title: 'Events are gone',
    meaning:
      'Some of the events after the given one were removed, since they were older than the service keeps them; or there never ' +
      'was such an event, as after a backup was restored. Begin again with `after=0`, and read anew whatever is derived from events.',
  },
  precondition_failed: {
    status: 412,
    title: 'Precondition failed',
    meaning:
      'What `If-Match` or `If-None-Match` asks for does not hold: somebody changed it since it was read. Nothing was written. `ETag` ' +
      'has the current entity tag, and `errors` names the fields that changed since, where that can be told. Read it again, and ' +
      'apply the change to what is there now.',
  },
  payload_too_large: { status: 413, title: 'Body too large', meaning: 'The body is larger than the limit.' },
  uri_too_long: { status: 414, title: 'URL too long', meaning: 'The URL is longer than the limit.' },
  unsupported_media_type: {
    status: 415,
    title: 'Unsupported media type',
    meaning:
      'The body is of no type that the operation takes, not in UTF-8, or compressed. `Accept-Patch` tells what a PATCH takes; ' +
      'everything else takes `application/json`.',
  },
  expectation_failed: {
    status: 417,
    title: 'Expectation failed',
    meaning: 'The header `Expect` asks for something other than `100-continue`.',
  },
  idempotency_key_reused: {
    status: 422,
    title: 'Idempotency key reused',
    meaning:
      'A request with this `Idempotency-Key` was done already, with another body or query. Nothing was written. Another request takes ' +
      'another key.',
  },
  precondition_required: {
    status: 428,
    title: 'Precondition required',
    meaning:
      'This change wants `If-Match`, so that nobody overwrites what they have not seen: read what is there, and send its `ETag`. ' +
      'Always for a place in a set by its number; for what else, `REQUIRE_IF_MATCH` says.',
  },
  too_many_requests: {
    status: 429,
    title: 'Too many requests',
    meaning:
      'More requests came from this address, or with these credentials, than the service takes in a minute. Try again after ' +
      '`Retry-After` seconds; `RateLimit` has what is left (draft-ietf-httpapi-ratelimit-headers).',
  },
  headers_too_large: {
    status: 431,
    title: 'Headers too large',
    meaning: 'The headers are larger than the limit.',
  },
  internal_error: {
    status: 500,
    title: 'Internal error',
    meaning: 'A defect of the service. `request_id` finds the details in its log.',
  },
  busy: {
    status: 503,
    title: 'Busy',
    meaning:
      'More work is waiting than can be done soon. Nothing was written; try again after `Retry-After` seconds.',
  },
  unavailable: {
    status: 503,
    title: 'Unavailable',
    meaning:
      'The database could not be reached, was too slow, or kept refusing for conflicts with others; or the keys of the identity ' +
      'provider could not be read. ' +
      'Try again after `Retry-After` seconds.',
  },
}

/** What may be said beside a problem's code. */
export interface ProblemDetails {
  /** What happened, for a person. No values of rows, no SQL, no paths. */
  detail?: string
  /** The faults of a body, or the fields refused. */
  errors?: readonly Fault[]
  missingPermissions?: readonly string[]
  headers?: Readonly<Record<string, string>>
  /** For the log alone. */
  cause?: unknown
}

/** A request that is refused or fails, in the terms of the catalogue. */
export class ProblemError extends Error {
  override readonly name = 'ProblemError'
  readonly status: number
  readonly title: string

  constructor(
    readonly code: ProblemCode,
    readonly details: ProblemDetails = {},
  ) {
    super(details.detail ?? PROBLEMS[code].title, { cause: details.cause })
    this.status = PROBLEMS[code].status
    this.title = PROBLEMS[code].title
  }
}

/** 400 with every fault of a body. */
export const invalid = (errors: readonly Fault[]) => new ProblemError('invalid', { errors })

/** 503 with the seconds after which to try again. */
export const unavailable = (
  code: 'busy' | 'unavailable',
  detail: string,
  cause?: unknown,
  retryAfterSeconds = 1,
) => new ProblemError(code, { detail, cause, headers: { 'retry-after': String(retryAfterSeconds) } })

/** The field of the body that a fault lies in; undefined where it is the body itself. */
export const fieldOf = ({ pointer }: Fault): string | undefined =>
  pointer.split('/')[1]?.replaceAll('~1', '/').replaceAll('~0', '~')

/** What is set up won't do, or does not go together; the message tells the operator why and what to do. */
export class SetupError extends Error {
  override readonly name: string = 'SetupError'
}
