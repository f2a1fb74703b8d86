/** The connections: a pool that outlives killed backends, statements run on it, and transactions. */
import pg from 'pg'
import { isConflict } from './sqlstate.js'
import type { Statement } from './statement.js'
import { parseTimestamp } from './timestamps.js'

/** Runs statements: on any connection of the pool, or on the one of a transaction. */
export interface Queryable {
  run<Parameters extends readonly unknown[], Row>(
    statement: Statement<Parameters, Row>,
    ...parameters: Parameters
  ): Promise<Row[]>
}

/** One open transaction. */
export type Transaction = Queryable

/** What the database layer says to a log. */
export interface DatabaseLog {
  warn(details: object, message: string): void
}

export interface DatabaseOptions {
  /** Milliseconds that a statement, or a wait for a connection, may take. */
  timeoutMs: number
  /** Named prepared statements. Turn off behind a pooler that can't keep them (PgBouncer before 1.21). */
  prepared: boolean
  log?: DatabaseLog | undefined
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

const ATTEMPTS = 3

/** The pool of a service of its own. */
export function openPool(connectionString: string, { max, timeoutMs }: { max: number; timeoutMs: number }): pg.Pool {
  return new pg.Pool({
    connectionString,
    max,
    connectionTimeoutMillis: timeoutMs,
    // A read outside of a transaction has no `statement_timeout`: as a start-up parameter it breaks PgBouncer.
    query_timeout: timeoutMs * 2,
    application_name: 'fastify-user-admin',
  })
}

/** The database that the service works on. */
export class Database implements Queryable {
  readonly #begin: string

  constructor(
    readonly pool: pg.Pool,
    readonly options: DatabaseOptions,
  ) {
    // Read committed whatever the server's default is: locks are taken first, and later statements must see what
    // was waited for.
    this.#begin = `begin isolation level read committed read write; set local statement_timeout = ${options.timeoutMs}`
    outliveKilledConnections(pool, options.log)
  }

  run<Parameters extends readonly unknown[], Row>(
    statement: Statement<Parameters, Row>,
    ...parameters: Parameters
  ): Promise<Row[]> {
    return runOn(this.pool, statement, parameters, this.options.prepared)
  }

  /**
   * Does `work` in one transaction, and again from its start when others' transactions got in the way
   * (SQLSTATE 40001, 40P01), at most three times. What it throws rolls everything back.
   */
  async transaction<Result>(work: (transaction: Transaction) => Promise<Result>): Promise<Result> {
    for (let attempt = 1; ; attempt++) {
      try {
        return await this.#attempt(work)
      } catch (error) {
        if (attempt === ATTEMPTS || !isConflict(error)) throw error
      }
    }
  }

  async #attempt<Result>(work: (transaction: Transaction) => Promise<Result>): Promise<Result> {
    const client = await this.pool.connect()
    let broken: Error | undefined
    try {
      await client.query(this.#begin)
      const result = await work({
        run: (statement, ...parameters) => runOn(client, statement, parameters, this.options.prepared),
      })
      await client.query('commit')
      return result
    } catch (error) {
      // Where even that fails the connection is of no more use, and the first error says more.
      broken = await client.query('rollback').then(
        () => undefined,
        (failure: Error) => failure,
      )
      throw error
    } finally {
      client.release(broken)
    }
  }

  /** A round trip, to see that the database answers. */
  async ping(): Promise<void> {
    await this.pool.query('select 1')
  }
}

async function runOn<Parameters extends readonly unknown[], Row>(
  target: pg.Pool | pg.PoolClient,
  statement: Statement<Parameters, Row>,
  parameters: Parameters,
  prepared: boolean,
): Promise<Row[]> {
  const { name, sql: text } = statement
  const values = statement.bind(parameters)
  const result = await target.query(prepared ? { name, text, values, types } : { text, values, types })
  return result.rows as Row[]
}

/** Without listeners, a backend that is killed ends the whole process, idle or inside a transaction. */
function outliveKilledConnections(pool: pg.Pool, log: DatabaseLog | undefined): void {
  const report = (error: Error & { code?: string }) =>
    log?.warn({ code: error.code, reason: error.message }, 'a database connection was lost')
  pool.on('error', report)
  pool.on('connect', (client) => client.on('error', () => {}))
}
