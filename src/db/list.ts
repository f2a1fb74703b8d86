/** Reading lists: filtered, ordered, and page by page, by number or by position (keyset). */
import { type RawBuilder, sql, type SqlBool } from 'kysely'
import type { Database, Queryable } from './database.js'
import { unnamed } from './statement.js'

/** What rows must fulfil, in terms of the alias `t`. */
export type Condition = RawBuilder<SqlBool>

/** A value that rows are ordered by. */
export type KeyValue = string | number | boolean

/** Something that a list can be ordered by. */
export interface SortKey<Row> {
  /** In terms of the alias `t`; never null. */
  expression: RawBuilder<unknown>
  type: 'bigint' | 'text' | 'timestamptz' | 'boolean'
  /** Whether no two rows have the same: then nothing need be ordered further. */
  isUnique?: boolean
  /** What a row has. */
  of(row: Row): KeyValue
}

/** What a list is made of. */
export interface ListSource<Row> {
  /** What rows are picked from, under the alias `t`. */
  from: RawBuilder<unknown>
  /** What is answered of a picked row, in terms of `t`. Costs nothing for rows that are skipped. */
  columns: RawBuilder<Row>
  /** By the names that requests give. `id` is there, and unique. */
  keys: Record<string, SortKey<Row>>
  /** The text that words are looked for in; an index on just this expression makes it fast. */
  searched?: RawBuilder<string>
}

export interface Ordering {
  field: string
  descending: boolean
}

/** Where in the order a page begins, or ends. */
export interface Position {
  /** One for each field of the ordering. */
  values: readonly KeyValue[]
  /** Rows beyond it, or those that lead up to it; `from` and `until` count a row in that is just there. */
  direction: 'after' | 'from' | 'before' | 'until'
}

/** One page of a list. */
export interface PageRequest {
  /** Ends with a unique field. */
  ordering: readonly Ordering[]
  size: number
  /** How many rows come before it. */
  offset?: number
  position?: Position | undefined
  /** Whether all rows are counted too. */
  isCounted: boolean
}

export interface Page<Row> {
  rows: Row[]
  /** Whether there are more in the direction that was read. */
  hasMore: boolean
  /** Null where they were not counted. */
  count: number | null
}

/** Reads one page, and counts where that is asked for, as of one moment. */
export const readPage = <Row>(
  db: Database,
  source: ListSource<Row>,
  conditions: readonly Condition[],
  request: PageRequest,
): Promise<Page<Row>> => db.snapshot((connection) => readPageOn(connection, source, conditions, request))

/**
 * The same, on a connection that shows one moment.
 * @param counted the conditions in another form, where that is better for all rows than for a page of them
 */
export async function readPageOn<Row>(
  connection: Queryable,
  source: ListSource<Row>,
  conditions: readonly Condition[],
  request: PageRequest,
  counted: readonly Condition[] = conditions,
): Promise<Page<Row>> {
  const [rows, count] = await Promise.all([
    readRows(connection, source, conditions, request),
    request.isCounted ? countRows(connection, source, counted) : null,
  ])
  return { ...rows, count }
}

/**
 * The ordering as far as it says something: after a unique field nothing can differ any more. Rows that are equal so far
 * come by id in the direction of the last field, so that one index is read one way, however many are equal.
 */
export function completeOrdering<Row>(source: ListSource<Row>, wanted: readonly Ordering[]): Ordering[] {
  const complete: Ordering[] = []
  for (const ordering of [...wanted, { field: 'id', descending: wanted.at(-1)?.descending ?? false }]) {
    if (complete.some(({ field }) => field === ordering.field)) continue
    complete.push(ordering)
    if (source.keys[ordering.field]!.isUnique) break
  }
  return complete
}

/** Whether the rows before a position are wanted. */
export const leadsBack = ({ direction }: Position): boolean => direction === 'before' || direction === 'until'

/** What a row has of the fields of an ordering. */
export const positionOf = <Row>(
  source: ListSource<Row>,
  ordering: readonly Ordering[],
  row: Row,
): KeyValue[] => ordering.map(({ field }) => source.keys[field]!.of(row))

/** How each parameter of a filter is asked for. */
export type ConditionTable<Filter> = {
  [Name in keyof Filter]?: (value: NonNullable<Filter[Name]>) => Condition
}

/** The conditions for those parameters of a filter that are given, and that the table knows. */
export const conditionsBy = <Filter extends object>(
  table: ConditionTable<Filter>,
  filter: Filter,
): { name: string; condition: Condition }[] =>
  Object.entries(filter).flatMap(([name, value]) => {
    const condition = table[name as keyof Filter] as ((value: unknown) => Condition) | undefined
    return value === undefined || condition === undefined ? [] : [{ name, condition: condition(value) }]
  })

/** Django's look-ups of a range of instants, of a column of `t`. */
export const rangeConditions = <Column extends string>(column: Column) =>
  Object.fromEntries(
    Object.entries({ gte: '>=', gt: '>', lte: '<=', lt: '<' }).map(([name, operator]) => [
      `${column}__${name}`,
      (value: string): Condition => sql`${sql.ref(`t.${column}`)} ${sql.raw(operator)} ${value}::timestamptz`,
    ]),
  ) as Record<`${Column}__${'gte' | 'gt' | 'lte' | 'lt'}`, (value: string) => Condition>

/** Every word must be part of the text, whatever its case. */
export const containsWords = (searched: RawBuilder<string>, words: string): Condition[] =>
  words
    .split(/\s+/u)
    .filter((word) => word !== '')
    .map((word) => sql<SqlBool>`${searched} ilike ${`%${word.replace(/[\\%_]/g, String.raw`\$&`)}%`}`)

/** Rows of which one more than asked for is read, to see whether there are more. */
async function readRows<Row>(
  db: Queryable,
  source: ListSource<Row>,
  conditions: readonly Condition[],
  { ordering, size, offset = 0, position }: PageRequest,
): Promise<Pick<Page<Row>, 'rows' | 'hasMore'>> {
  const isBackwards = position !== undefined && leadsBack(position)
  const steps = ordering.map(({ field, descending }) => ({
    ...source.keys[field]!,
    descending: descending !== isBackwards,
  }))
  const order = sql.join(
    steps.map(({ expression, descending }) => sql`${expression} ${sql.raw(descending ? 'desc' : 'asc')}`),
  )
  const all = position === undefined ? conditions : [...conditions, beyond(steps, position)]
  const rows = await db.run(
    unnamed(sql<Row>`select ${source.columns} from (
      select t.* from ${source.from} ${where(all)} order by ${order} limit ${size + 1} offset ${offset}
    ) as t order by ${order}`),
  )
  const page = rows.slice(0, size)
  return { rows: isBackwards ? page.toReversed() : page, hasMore: rows.length > size }
}

async function countRows<Row>(
  db: Queryable,
  source: ListSource<Row>,
  conditions: readonly Condition[],
): Promise<number> {
  const [row] = await db.run(
    unnamed(sql<{ count: number }>`select count(*) from ${source.from} ${where(conditions)}`),
  )
  return row!.count
}

const where = (conditions: readonly Condition[]) =>
  conditions.length === 0 ? sql`` : sql`where ${sql.join(conditions, sql` and `)}`

interface Step {
  expression: RawBuilder<unknown>
  type: string
  descending: boolean
}

/** The rows that come after these values. */
function beyond(steps: readonly Step[], { values, direction }: Position): Condition {
  const orThere = sql.raw(direction === 'from' || direction === 'until' ? '=' : '')
  const bound = steps.map((step, index) => ({
    ...step,
    value: sql`${values[index]}::${sql.raw(step.type)}`,
    operator: sql.raw(step.descending ? '<' : '>'),
  }))
  const [first] = bound
  // One comparison of rows, which an index on these columns answers.
  if (bound.every(({ descending }) => descending === first!.descending)) {
    const names = sql.join(bound.map(({ expression }) => expression))
    const limits = sql.join(bound.map(({ value }) => value))
    return sql`(${names}) ${first!.operator}${orThere} (${limits})`
  }
  const further = bound.reduceRight<Condition | undefined>(
    (rest, { expression, operator, value }) =>
      rest === undefined
        ? sql<SqlBool>`${expression} ${operator}${orThere} ${value}`
        : sql<SqlBool>`(${expression} ${operator} ${value} or (${expression} = ${value} and ${rest}))`,
    undefined,
  )
  // The first field alone tells an index where to begin.
  return sql`${first!.expression} ${first!.operator}= ${first!.value} and ${further!}`
}
