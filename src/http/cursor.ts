/** Positions in a list as clients carry them: opaque, and checked when they come back. */
import { MAX_ID } from '../../schemas/index.js'
import type { KeyValue, ListSource, Ordering, Position, SortKey } from '../db/list.js'
import { parseDateTime } from '../domain/date-time.js'
import { ProblemError } from '../errors.js'

const nameOf = (ordering: readonly Ordering[]): string =>
  ordering.map(({ field, descending }) => (descending ? `-${field}` : field)).join()

const DIRECTIONS: readonly Position['direction'][] = ['after', 'before', 'from', 'until']

/** A position as text. */
export const encodeCursor = ({ values, direction }: Position, ordering: readonly Ordering[]): string =>
  Buffer.from(JSON.stringify([direction, nameOf(ordering), ...values])).toString('base64url')

/**
 * A position from text.
 * @throws `invalid` where it is none, or one of another ordering
 */
export function decodeCursor<Row>(
  cursor: string,
  source: ListSource<Row>,
  ordering: readonly Ordering[],
): Position {
  const [direction, name, ...values] = parse(cursor)
  const fits =
    DIRECTIONS.includes(direction as Position['direction']) &&
    name === nameOf(ordering) &&
    values.length === ordering.length &&
    ordering.every(({ field }, index) => isValueOf(source.keys[field]!, values[index]))
  if (!fits) {
    throw new ProblemError('invalid', {
      detail: 'The URL is not valid: the cursor is none of this list in this order.',
    })
  }
  return { direction: direction as Position['direction'], values: values as KeyValue[] }
}

function parse(cursor: string): unknown[] {
  try {
    const value: unknown = JSON.parse(Buffer.from(cursor, 'base64url').toString())
    return Array.isArray(value) ? value : []
  } catch {
    return []
  }
}

/** Whether PostgreSQL can read it. */
function isValueOf({ type }: SortKey<never>, value: unknown): boolean {
  if (type === 'bigint') return Number.isSafeInteger(value) && Math.abs(value as number) <= MAX_ID
  if (type === 'boolean') return typeof value === 'boolean'
  if (type === 'timestamptz')
    return typeof value === 'string' && (/^-?infinity$/.test(value) || parseDateTime(value) === value)
  return typeof value === 'string' && value.length <= 1_000 && !/[\0\p{Cs}]/u.test(value)
}
