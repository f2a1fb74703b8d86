/** What differs between the two answers to one request, as a client of Django REST Framework reads them. */
import { isDeepStrictEqual } from 'node:util'
import { parseDateTime } from '../../domain/date-time.js'
import { fieldOf } from '../../errors.js'
import {
  departuresInFaults,
  departuresInValue,
  departuresInStatus,
  type Exchange,
  faultsIn,
  isSameSet,
} from './departures.js'
import type { Answer } from './exchange.js'

/** `format`: the same value, written otherwise. `known`: wanted, and `rows` of 0003 say why. */
export type Kind = 'different' | 'known' | 'format'

export interface Difference {
  kind: Kind
  /** `status`, `body`, or a JSON Pointer. */
  at: string
  /** Undefined where a side has nothing there. Never a password. */
  django?: unknown
  service?: unknown
  /** What the side that refused says of it. */
  why?: string
  /** How the rows of the record begin. */
  rows?: string[]
}

/** Members of a refusal that name no field. */
export const OWN_MEMBERS = new Set([
  'type',
  'title',
  'status',
  'code',
  'errors',
  'request_id',
  'detail',
  'missing_permissions',
])

export function differencesIn(exchange: Exchange): Difference[] {
  const { django, service } = exchange
  if (django.status !== service.status) {
    const why = reasonIn(service) ?? reasonIn(django)
    const status = { at: 'status', django: django.status, service: service.status, ...(why && { why }) }
    return [judged(departuresInStatus(exchange), status)]
  }
  if (django.status >= 400) return refusalDifferences(exchange)
  if (django.kind !== service.kind)
    return [{ kind: 'different', at: 'body', django: django.kind, service: service.kind }]
  return [...valueDifferences('', django.body, service.body, exchange)]
}

const judged = (rows: string[], difference: Omit<Difference, 'kind'>): Difference =>
  rows.length > 0 ? { kind: 'known', ...difference, rows } : { kind: 'different', ...difference }

/** Which fields are named, and whether there is a `detail`. Messages may differ, and so may what is no JSON in Django. */
function refusalDifferences({ request, django, service }: Exchange): Difference[] {
  if (django.kind !== 'json') return []
  const [theirs, ours] = [refusedFields(django), refusedFields(service)]
  const found: Difference[] = []
  for (const field of theirs.filter((name) => !ours.includes(name)))
    found.push({ kind: 'different', at: `/${escaped(field)}`, django: 'refused', service: 'allowed' })
  for (const field of ours.filter((name) => !theirs.includes(name))) {
    const faults = faultsIn(service).filter((fault) => (fieldOf(fault) ?? 'non_field_errors') === field)
    const why = faults.map(({ detail }) => detail).join(' ')
    const difference = { at: `/${escaped(field)}`, django: 'allowed', service: 'refused', why }
    found.push(judged(departuresInFaults(faults, request), difference))
  }
  if (hasDetail(django) && !hasDetail(service))
    found.push({ kind: 'different', at: '/detail', django: 'a text', service: undefined })
  return found
}

/** The fields that a refusal names, as Django REST Framework names them. */
export const refusedFields = ({ status, body }: Answer): string[] =>
  status === 400 && isObject(body) ? Object.keys(body).filter((name) => !OWN_MEMBERS.has(name)) : []

function reasonIn(answer: Answer): string | undefined {
  const faults = faultsIn(answer).map(({ pointer, detail }) => `${pointer} ${detail}`.trim())
  if (faults.length > 0) return faults.join(' ')
  if (hasDetail(answer)) return String((answer.body as { detail: unknown }).detail)
  return refusedFields(answer).join(', ') || answer.location
}

const hasDetail = ({ body }: Answer): boolean => isObject(body) && typeof body.detail === 'string'

/** @param at a JSON Pointer; that of the whole body is empty */
function* valueDifferences(
  at: string,
  django: unknown,
  service: unknown,
  exchange: Exchange,
): Generator<Difference> {
  if (isObject(django) && isObject(service)) {
    for (const name of new Set([...Object.keys(django), ...Object.keys(service)]))
      yield* valueDifferences(`${at}/${escaped(name)}`, django[name], service[name], exchange)
  } else if (areItems(django, service)) {
    for (const [index, item] of (django as unknown[]).entries())
      yield* valueDifferences(`${at}/${index}`, item, (service as unknown[])[index], exchange)
  } else if (!isDeepStrictEqual(django, service)) {
    yield { ...judgedValue(at, django, service, exchange), at, ...shown(at, { django, service }) }
  }
}

function judgedValue(
  at: string,
  django: unknown,
  service: unknown,
  exchange: Exchange,
): Pick<Difference, 'kind' | 'rows'> {
  const rows = departuresInValue(at, django, service, exchange.request)
  if (rows.length > 0) return { kind: 'known', rows }
  return { kind: isSameInstant(django, service) || isSameSet(django, service) ? 'format' : 'different' }
}

const isSameInstant = (a: unknown, b: unknown): boolean => {
  if (typeof a !== 'string' || typeof b !== 'string') return false
  const instant = parseDateTime(a)
  return instant !== undefined && instant === parseDateTime(b)
}

const SECRET = /password|token|secret/i

/** Hides whatever is called a secret, at any depth. */
function shown(
  at: string,
  sides: Pick<Difference, 'django' | 'service'>,
): Pick<Difference, 'django' | 'service'> {
  const inSecret = SECRET.test(at)
  const hide = (name: string, value: unknown) =>
    value !== undefined && name !== '' && (inSecret || SECRET.test(name)) ? '(hidden)' : value
  return JSON.parse(JSON.stringify(sides, hide))
}

/** Of lists of objects each item is told by itself; a list of ids is one value, as is one of another length. */
const areItems = (django: unknown, service: unknown): boolean =>
  Array.isArray(django) &&
  Array.isArray(service) &&
  django.length === service.length &&
  django.every(isObject)

export const isObject = (value: unknown): value is Record<string, unknown> =>
  typeof value === 'object' && value !== null && !Array.isArray(value)

const escaped = (name: string): string => name.replaceAll('~', '~0').replaceAll('/', '~1')
