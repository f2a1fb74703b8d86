/** Which differences are wanted: the rows of 0003 that a simple rule can tell. Each is named by how it begins. */
import { unescape } from 'node:querystring'
import type { Fault } from '../../../schemas/index.js'
import { normalizeEmail } from '../../domain/email.js'
import { isMaskShaped, maskOf } from '../../domain/passwords/mask.js'
import type { Answer, Request } from './exchange.js'

/** The record that they are rows of. */
export const RECORD = '0003-departures-from-drf.md'

export interface Exchange {
  request: Request
  django: Answer
  service: Answer
}

/** What Django makes a value of another type of. */
const isScalar = (sent: unknown) => ['string', 'number', 'boolean'].includes(typeof sent)

type FaultRule = [row: string, applies: (sent: unknown, pointer: string) => boolean]

/** By the code of a fault of the body that only the service finds. */
const FAULTS: Record<string, FaultRule> = {
  unknown: ['Unknown fields are ignored', () => true],
  invalid_type: ['`"yes"`, `"on"`, `1` are booleans, `123` is a text, `"4"` and `14.7` are ids', isScalar],
  not_a_list: ['`{"groups": {}}` empties the set', (sent) => typeof sent === 'object'],
  duplicate: ['`[1, 1]` is taken as `[1]`', () => true],
  mismatch: ['An `id` of another user in the body is ignored', () => true],
  stored_hash: ['A stored hash or a mask that is sent is hashed as a new password', () => true],
  mask: ['A stored hash or a mask that is sent is hashed as a new password', () => true],
  invalid: [
    'Times without zone, with a space for `T`, with `+05`, in full-width digits',
    (_, pointer) => ['/last_login', '/date_joined'].includes(pointer),
  ],
}

const done = ({ django }: Exchange) => django.status < 300
const mediaType = ({ request }: Exchange) => request.headers?.get('content-type') ?? ''
const path = ({ request }: Exchange) => request.path.split('?')[0]!
const query = ({ request }: Exchange) => request.path.split('?')[1] ?? ''

type StatusRule = [row: string, applies: (it: Exchange) => boolean]

/** Whatever the service answers. */
const REQUESTS: StatusRule[] = [
  [
    'A URL without the final slash is redirected with 301',
    (it) => !path(it).endsWith('/') && it.django.kind !== 'json',
  ],
  ['`OPTIONS` describes the fields of the view', ({ request }) => request.method === 'OPTIONS'],
  [
    'JSON Patch and merge patch are 415',
    (it) => it.django.status === 415 && /patch\+json/.test(mediaType(it)),
  ],
  ['PATCH of a list is 405', ({ request, django }) => request.method === 'PATCH' && django.status === 405],
]

const FAILED: StatusRule = ['`1e400` as an id, or deep nesting: 500', ({ django }) => django.status === 500]
const UNKNOWN_USER: StatusRule = [
  '404 for an unknown user, before the body is looked at',
  ({ django }) => django.status === 404,
]

/** By the code of the service's refusal. */
const REFUSALS: Record<string, StatusRule[]> = {
  method_not_allowed: [
    ['401 or 403 before 405', ({ django }) => [401, 403].includes(django.status)],
    ['Permissions can be made, renamed and deleted', (it) => path(it).startsWith('/permissions/')],
  ],
  unsupported_media_type: [
    ['Forms and multipart bodies are taken', (it) => /form/.test(mediaType(it))],
    [
      'Latin-1 is decoded, unknown charsets are read as UTF-8 or fail with 500',
      (it) => /charset/.test(mediaType(it)),
    ],
    [
      'A compressed body is read as if it were not, and fails with 400',
      ({ request }) => request.headers?.has('content-encoding') === true,
    ],
  ],
  payload_too_large: [['A body of 1 MB is read', () => true]],
  invalid: [
    ['`page` given twice: the last one counts', (it) => /\bpage=.*&page=/.test(query(it))],
    [
      'Unknown query parameters are ignored, `?format=xml` is 404',
      (it) => query(it) !== '' && faultsIn(it.service).length === 0,
    ],
    FAILED,
    UNKNOWN_USER,
  ],
  parse_error: [FAILED, UNKNOWN_USER, ['Of a repeated JSON key the last one counts', done]],
  not_found: [['The ids `06`, `+6` and `%206` of a URL reach user 6', (it) => done(it) && isOddId(path(it))]],
  permission_denied: [
    ['Any staff user may read users', (it) => done(it) && it.request.method === 'GET'],
    [
      "`change_user` is enough to make oneself superuser, or to take over a superuser's account",
      (it) => done(it) && faultsIn(it.service).length > 0,
    ],
  ],
  last_superuser: [['The last superuser may be deactivated', done]],
  in_use: [["Deleting a user deletes whatever refers to it by a cascade of Django's models", done]],
  precondition_failed: [['`If-Match`, `If-None-Match`, `Prefer` and `Idempotency-Key` are ignored', done]],
}

type ValueRule = [
  row: string,
  applies: (name: string, django: unknown, service: unknown, request: Request) => boolean,
]

const VALUES: ValueRule[] = [
  ['An answer has the members that the serializer lists', (_, django) => django === undefined],
  [
    "A serializer over all fields answers the password's hash",
    (name, django, service) => name === 'password' && isMaskOf(service, django),
  ],
  [
    'The domain of an address keeps its case',
    (name, django, service) => name === 'email' && service === normalizeEmail(String(django)),
  ],
  [
    'A username is stored in the Unicode form that came',
    (name, django, service) => name === 'username' && service === String(django).normalize('NFKC'),
  ],
  [
    "A group's and a user's permissions come in the order of Django's `Meta.ordering`",
    (name, django, service) => name.endsWith('permissions') && isSameSet(django, service),
  ],
  [
    'PUT leaves what is absent as it is, beyond the required fields',
    (name, _, __, { method, body = '' }) => method === 'PUT' && !body.includes(`"${name}"`),
  ],
]

/** Every row that may be named. */
export const ROWS = [Object.values(FAULTS), REQUESTS, Object.values(REFUSALS).flat(), VALUES]
  .flat()
  .map(([row]) => row)

/** @returns the rows for faults that Django does not find; none where one of them was not to be expected */
export function departuresInFaults(faults: readonly Fault[], { body = '' }: Request): string[] {
  const rows = faults.map(({ pointer, code }) => {
    const rule = FAULTS[code]
    return rule?.[1](valueAt(pointer, body), pointer) ? rule[0] : undefined
  })
  return rows.every((row) => row !== undefined) ? [...new Set(rows)] : []
}

/** @returns the rows that say why the statuses differ */
export function departuresInStatus(exchange: Exchange): string[] {
  const { request, service } = exchange
  const code = String(((service.body ?? {}) as { code?: unknown }).code)
  const rows = code === 'invalid' && done(exchange) ? departuresInFaults(faultsIn(service), request) : []
  if (rows.length > 0) return rows
  return firstOf([...REQUESTS, ...(REFUSALS[code] ?? [])], exchange)
}

/** @returns the row that says why two values at a JSON Pointer differ */
export function departuresInValue(
  pointer: string,
  django: unknown,
  service: unknown,
  request: Request,
): string[] {
  return firstOf(VALUES, pointer.split('/').at(-1)!, django, service, request)
}

function firstOf<T extends unknown[]>(
  rules: readonly [row: string, applies: (...what: T) => boolean][],
  ...what: T
): string[] {
  const rule = rules.find(([, applies]) => applies(...what))
  return rule === undefined ? [] : [rule[0]]
}

/** Lists of the same ids, in whatever order. */
export const isSameSet = (a: unknown, b: unknown): boolean =>
  Array.isArray(a) &&
  Array.isArray(b) &&
  a.length === b.length &&
  new Set([...a, ...b]).size === new Set(a).size

const isMaskOf = (mask: unknown, stored: unknown): boolean =>
  typeof mask === 'string' && isMaskShaped(mask) && typeof stored === 'string' && mask === maskOf(stored)

/** An id in a form that Python's `int` reads, and that is not ours. */
function isOddId(path: string): boolean {
  const id = path.split('/').filter(Boolean).at(-1) ?? ''
  return /^\+?[\d_]+$/.test(unescape(id).trim()) && !/^[1-9]\d*$/.test(id)
}

/** What the service finds wrong with a body. */
export function faultsIn({ body }: Answer): Fault[] {
  const { errors } = (body ?? {}) as { errors?: unknown }
  return Array.isArray(errors) ? (errors as Fault[]) : []
}

/** What a request has at a JSON Pointer. */
function valueAt(pointer: string, body: string): unknown {
  try {
    return pointer
      .split('/')
      .slice(1)
      .reduce((value, name) => value?.[name.replaceAll('~1', '/').replaceAll('~0', '~')], JSON.parse(body))
  } catch {
    return undefined
  }
}
