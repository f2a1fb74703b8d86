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
  events_gone: {
    status: 410,
    title: 'Events are gone',
    meaning:
      'Some of the events after the given one were removed, since they were older than the service keeps them; or there never ' +
      'was such an event, as after a backup was restored. Begin again with `after=0`, and read anew whatever is derived from events.',
  },
  payload_too_large: { status: 413, title: 'Body too large', meaning: 'The body is larger than the limit.' },
  uri_too_long: { status: 414, title: 'URL too long', meaning: 'The URL is longer than the limit.' },
  unsupported_media_type: {
    status: 415,
    title: 'Unsupported media type',
    meaning:
      'The body is not `application/json` in UTF-8, or it is compressed. `Accept-Patch` tells what is taken.',
  },
  expectation_failed: {
    status: 417,
    title: 'Expectation failed',
    meaning: 'The header `Expect` asks for something other than `100-continue`.',
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
    title: 'Database unavailable',
    meaning:
      'The database could not be reached, was too slow, or kept refusing for conflicts with others. ' +
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

/** The options and the database don't go together; the message tells the operator why and what to do. */
export class SetupError extends Error {
  override readonly name = 'SetupError'
}
