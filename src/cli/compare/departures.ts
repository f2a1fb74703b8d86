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

/** By the code of a fault of the body that only the service finds. */
const FAULTS: Record<string, string> = {
  unknown: 'Unknown fields are ignored',
  invalid_type: '`"yes"`, `"on"`, `1` are booleans',
  not_a_list: '`{"groups": {}}` empties the set',
  duplicate: '`[1, 1]` is taken as `[1]`',
  mismatch: 'An `id` of another user in the body',
  stored_hash: 'A stored hash or a mask that is sent',
  mask: 'A stored hash or a mask that is sent',
}
const TIMES = 'Times without zone'

const done = ({ django }: Exchange) => django.status < 300
const mediaType = ({ request }: Exchange) => request.headers?.get('content-type') ?? ''
const encoding = ({ request }: Exchange) => request.headers?.get('content-encoding') ?? ''
const path = ({ request }: Exchange) => request.path.split('?')[0]!
const query = ({ request }: Exchange) => request.path.split('?')[1] ?? ''

type StatusRule = [row: string, code: string | undefined, applies: (it: Exchange) => boolean]

/** By the code of the service's refusal, where there must be one. The first that applies counts. */
const STATUSES: StatusRule[] = [
  ['A URL without the final slash', undefined, (it) => !path(it).endsWith('/') && it.django.kind !== 'json'],
  ['`OPTIONS` describes the fields', undefined, ({ request }) => request.method === 'OPTIONS'],
  [
    'JSON Patch and merge patch',
    undefined,
    (it) => it.django.status === 415 && /patch\+json/.test(mediaType(it)),
  ],
  ['PATCH of a list is 405', undefined, (it) => it.django.status === 405 && it.request.method === 'PATCH'],
  ['401 or 403 before 405', 'method_not_allowed', ({ django }) => [401, 403].includes(django.status)],
  ['Permissions can be made', 'method_not_allowed', (it) => path(it).startsWith('/permissions/')],
  ['Forms and multipart bodies', 'unsupported_media_type', (it) => /form/.test(mediaType(it))],
  ['Latin-1 is decoded', 'unsupported_media_type', (it) => /charset/.test(mediaType(it))],
  ['A compressed body', 'unsupported_media_type', (it) => encoding(it) !== ''],
  ['A body of 1 MB is read', 'payload_too_large', () => true],
  ['`page` given twice', 'invalid', (it) => /(?:^|&)page=.*&page=/.test(query(it))],
  ['Unknown query parameters', 'invalid', (it) => query(it) !== '' && faultsIn(it.service).length === 0],
  ['`1e400` as an id, or deep nesting', 'invalid', ({ django }) => django.status === 500],
  ['`1e400` as an id, or deep nesting', 'parse_error', ({ django }) => django.status === 500],
  ['404 for an unknown user, before the body', 'invalid', ({ django }) => django.status === 404],
  ['404 for an unknown user, before the body', 'parse_error', ({ django }) => django.status === 404],
  ['Of a repeated JSON key', 'parse_error', done],
  ['The ids `06`, `+6` and `%206`', 'not_found', (it) => done(it) && isOddId(path(it))],
  ['Any staff user may read users', 'permission_denied', (it) => done(it) && it.request.method === 'GET'],
  ['`change_user` is enough', 'permission_denied', (it) => done(it) && faultsIn(it.service).length > 0],
  ['The last superuser', 'last_superuser', done],
  ['Deleting a user deletes whatever', 'in_use', done],
  ['`If-Match`, `If-None-Match`', 'precondition_failed', done],
]

type ValueRule = [
  row: string,
  applies: (name: string, django: unknown, service: unknown, request: Request) => boolean,
]

const VALUES: ValueRule[] = [
  ['An answer has the members', (_, django) => django === undefined],
  [
    "A serializer over all fields answers the password's hash",
    (name, django, service) => name === 'password' && isMaskOf(service, django),
  ],
  [
    'The domain of an address',
    (name, django, service) => name === 'email' && service === normalizeEmail(String(django)),
  ],
  [
    'A username is stored',
    (name, django, service) => name === 'username' && service === String(django).normalize('NFKC'),
  ],
  [
    "A group's and a user's permissions",
    (name, django, service) => name.endsWith('permissions') && isSameSet(django, service),
  ],
  [
    'PUT leaves what is absent',
    (name, _, __, { method, body = '' }) => method === 'PUT' && !body.includes(`"${name}"`),
  ],
]

/** Every row that may be named. */
export const ROWS = [
  ...Object.values(FAULTS),
  TIMES,
  ...STATUSES.map(([row]) => row),
  ...VALUES.map(([row]) => row),
]

/** @returns the rows for faults that Django does not find; none where one of them was not to be expected */
export function departuresInFaults(faults: readonly Fault[]): string[] {
  const rows = faults.map(({ pointer, code }) =>
    code === 'invalid' && /^\/(?:last_login|date_joined)$/.test(pointer) ? TIMES : FAULTS[code],
  )
  return rows.every((row) => row !== undefined) ? [...new Set(rows)] : []
}

/** @returns the rows that say why the statuses differ */
export function departuresInStatus(exchange: Exchange): string[] {
  const own = codeOf(exchange.service)
  const rows = own === 'invalid' && done(exchange) ? departuresInFaults(faultsIn(exchange.service)) : []
  if (rows.length > 0) return rows
  const rule = STATUSES.find(([, code, applies]) => (code === undefined || code === own) && applies(exchange))
  return rule === undefined ? [] : [rule[0]]
}

/** @returns the row that says why two values at a JSON Pointer differ */
export function departuresInValue(
  pointer: string,
  django: unknown,
  service: unknown,
  request: Request,
): string[] {
  const name = pointer.split('/').at(-1)!
  const rule = VALUES.find(([, applies]) => applies(name, django, service, request))
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

const codeOf = ({ body }: Answer): unknown => ((body ?? {}) as { code?: unknown }).code
