/** Running one statement on one connection. */
import type { Socket } from 'node:net'
import pg from 'pg'
import { CLIENT, inSpan } from '../spans.js'
import type { Names } from './names.js'
import type { Statement } from './statement.js'
import { parseTimestamp } from './timestamps.js'

/** Runs statements: on any connection of the pool, or on the one of a transaction. */
export interface Queryable {
  run<Parameters extends readonly unknown[], Row>(
    statement: Statement<Parameters, Row>,
    ...parameters: Parameters
  ): Promise<Row[]>
}

const INT8 = 20
const INT8_ARRAY = 1016
const TIMESTAMPTZ = 1184
const INT4_ARRAY = 1007 as Parameters<typeof pg.types.getTypeParser>[0]
const parseIntArray = pg.types.getTypeParser(INT4_ARRAY, 'text') as (text: string) => number[]

// Given with each query, so that a pool that the host shares keeps its own parsers.
const types = {
  getTypeParser(oid: number, format?: 'text' | 'binary') {
    if (oid === TIMESTAMPTZ) return parseTimestamp
    if (oid === INT8) return Number
    if (oid === INT8_ARRAY) return parseIntArray
    return pg.types.getTypeParser(oid, format as 'text')
  },
}

export interface RunOptions {
  /** Whether statements with a name are prepared under it. */
  prepared: boolean
  names: Names
}

export async function runOn<Parameters extends readonly unknown[], Row>(
  target: pg.Pool | pg.PoolClient,
  statement: Statement<Parameters, Row>,
  parameters: Parameters,
  { prepared, names }: RunOptions,
): Promise<Row[]> {
  const { name, sql: text } = names.translate(statement)
  const values = statement.bind(parameters)
  const sent = prepared ? { name, text, values, types } : { text, values, types }
  const result = await inStatementSpan(statement.name ?? 'query', text, () => target.query(sent))
  return result.rows as Row[]
}

/** A span by the conventions for databases: the statement as it is prepared, and no value of it. */
export const inStatementSpan = <Result>(
  name: string,
  text: string,
  work: () => Promise<Result>,
): Promise<Result> =>
  inSpan(
    name,
    {
      kind: CLIENT,
      attributes: { 'db.system.name': 'postgresql', 'db.query.text': text, 'db.query.summary': name },
    },
    work,
  )

/** One write to the socket for all statements of this turn of the loop: each write wakes the backend. */
export function sendTogether(client: pg.PoolClient): void {
  // Not in the types of pg, and not there in a pool of its native client.
  const { connection } = client as pg.PoolClient & { connection?: { stream?: Socket } }
  const stream = connection?.stream
  stream?.cork()
  process.nextTick(() => stream?.uncork())
}
