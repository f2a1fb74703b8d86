/** The connections: a pool that outlives killed backends, statements run on it, and transactions. */
import { setTimeout as sleep } from 'node:timers/promises'
import type { Socket } from 'node:net'
import { sql } from 'kysely'
import pg from 'pg'
import { unavailable } from '../errors.js'
import { isConflict, isConnectionLoss, isStaleStatement } from './sqlstate.js'
import { query, type Statement, statement } from './statement.js'
import { parseTimestamp } from './timestamps.js'

/** Runs statements: on any connection of the pool, or on the one of a transaction. */
export interface Queryable {
  run<Parameters extends readonly unknown[], Row>(
    statement: Statement<Parameters, Row>,
    ...parameters: Parameters
  ): Promise<Row[]>
}

/** One open transaction. */
export interface Transaction extends Queryable {
  /**
   * Sends a statement together with the commit, which fails where it fails: one round trip less. Only others that
   * are sent so may follow, and its rows are not seen.
   */
  send<Parameters extends readonly unknown[], Row>(
    statement: Statement<Parameters, Row>,
    ...parameters: Parameters
  ): void
}

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

export interface TransactionOptions {
  /** How often the whole is run, at most, where others' transactions got in the way (40001, 40P01). Default 4. */
  attempts?: number | undefined
  /** Milliseconds to wait for a lock. Default: as long as a statement may take. */
  lockTimeoutMs?: number | undefined
}

/** The first, and three more. */
const ATTEMPTS = 4

/** The pool of a service of its own. */
export function openPool(
  connectionString: string,
  { max, timeoutMs }: { max: number; timeoutMs: number },
): pg.Pool {
  return new pg.Pool({
    connectionString,
    max,
    // Statements that don't need each other's answers travel together.
    pipeline: true,
    connectionTimeoutMillis: timeoutMs,
    // A read outside of a transaction has no `statement_timeout`: as a start-up parameter it breaks PgBouncer.
    query_timeout: timeoutMs * 2,
    application_name: 'fastify-user-admin',
  })
}

/** The database that the service works on. */
export class Database implements Queryable {
  constructor(
    readonly pool: pg.Pool,
    readonly options: DatabaseOptions,
  ) {
    // Without listeners, a backend that is killed ends the whole process: the pool's for idle ones, the client's own
    // for all others, those included that a host's pool opened before.
    pool.on('error', (error: Error & { code?: string }) =>
      options.log?.warn({ code: error.code, reason: error.message }, 'a database connection was lost'),
    )
    pool.on('acquire', outliveErrors)
  }

  run<Parameters extends readonly unknown[], Row>(
    statement: Statement<Parameters, Row>,
    ...parameters: Parameters
  ): Promise<Row[]> {
    return this.#retrying(() => runOn(this.pool, statement, parameters, this.options.prepared), ATTEMPTS)
  }

  /** Runs statements that don't need each other's answers on one connection: one round trip for all. */
  together<Result>(work: (connection: Queryable) => Promise<Result>): Promise<Result> {
    return this.#retrying(async () => {
      const client = await this.pool.connect()
      let failure: Error | undefined
      sendTogether(client)
      try {
        return await work({
          run: (statement, ...parameters) => runOn(client, statement, parameters, this.options.prepared),
        })
      } catch (error) {
        // Others of them may still be under way.
        failure = error as Error
        throw error
      } finally {
        client.release(failure)
      }
    }, ATTEMPTS)
  }

  /**
   * Does `work` in one transaction. What it throws rolls everything back.
   * @throws what `work` throws and what the database reports; when the connection is lost during the commit, only
   *   after asking whether it took effect: a result means that it did
   */
  transaction<Result>(
    work: (transaction: Transaction) => Promise<Result>,
    { attempts = ATTEMPTS, lockTimeoutMs = 0 }: TransactionOptions = {},
  ): Promise<Result> {
    return this.#retrying(() => this.#attempt(lockTimeoutMs, work), attempts)
  }

  /** Runs what others' transactions, or a change of the tables, got in the way of again. */
  async #retrying<Result>(run: () => Promise<Result>, attempts: number): Promise<Result> {
    for (let attempt = 1; ; attempt++) {
      try {
        return await run()
      } catch (error) {
        // A stale statement is nobody's conflict: it is prepared anew, whoever asks for how many attempts.
        const most = isStaleStatement(error) ? ATTEMPTS : isConflict(error) ? attempts : 1
        if (attempt >= most) throw error
        // Not at once and not together: those that met would meet again.
        await sleep(Math.random() * 10 * 2 ** attempt)
      }
    }
  }

  async #attempt<Result>(
    lockTimeoutMs: number,
    work: (transaction: Transaction) => Promise<Result>,
  ): Promise<Result> {
    const client = await this.pool.connect()
    let failure: Error | undefined
    try {
      const open = new OpenTransaction(client, this.options, lockTimeoutMs)
      const result = await work(open)
      const id = await open.id
      try {
        await open.commit()
      } catch (error) {
        if (!isConnectionLoss(error) || !(await this.#tookEffect(id))) throw error
        failure = error as Error
      }
      return result
    } catch (error) {
      // Where even that fails the connection is of no more use, and the first error says more.
      failure = await client.query('rollback').then(
        () => undefined,
        (second: Error) => second,
      )
      if (isStaleStatement(error)) failure = error as Error
      throw error
    } finally {
      client.release(failure)
    }
  }

  /**
   * Asks what became of a transaction whose commit nobody confirmed.
   * @throws `unavailable` where that can't be found out in time: it may or may not have taken effect
   */
  async #tookEffect(id: string): Promise<boolean> {
    const deadline = Date.now() + this.options.timeoutMs
    let cause: unknown
    while (Date.now() < deadline) {
      try {
        const { rows } = await this.pool.query<{ status: string | null }>(
          'select txid_status($1) as status',
          [id],
        )
        // Its backend may still be at it.
        if (rows[0]!.status !== 'in progress') return rows[0]!.status === 'committed'
      } catch (error) {
        cause = error
      }
      await sleep(50)
    }
    throw unavailable(
      'unavailable',
      'The connection was lost, and it is not known whether this was written.',
      cause,
    )
  }
}

const outliving = new WeakSet<pg.PoolClient>()

/** Once for each client, and for good: it may report more than one error, the last when nobody uses it any more. */
function outliveErrors(client: pg.PoolClient): void {
  if (outliving.has(client)) return
  outliving.add(client)
  client.on('error', () => {})
}

/**
 * Read committed whatever the server's default is: locks are taken first, and later statements must see what was waited
 * for.
 */
const BEGIN = 'begin isolation level read committed read write'

/**
 * What holds for the transaction alone, and the id that PostgreSQL gives it. A statement instead of four `set local`: it
 * is parsed once a connection. The plans of our statements are the same whatever the values, and planning costs more than
 * running them.
 */
const settingsStatement = statement('begin_settings', (statementTimeout: string, lockTimeout: string) =>
  query.selectNoFrom([
    sql`set_config('statement_timeout', ${statementTimeout}, true)`.as('statement_timeout'),
    sql`set_config('lock_timeout', ${lockTimeout}, true)`.as('lock_timeout'),
    sql`set_config('plan_cache_mode', 'force_generic_plan', true)`.as('plan_cache_mode'),
    sql<string>`txid_current()::text`.as('id'),
  ]),
)

/** One write to the socket for all statements of this turn of the loop: each write wakes the backend. */
function sendTogether(client: pg.PoolClient): void {
  // Not in the types of pg, and not there in a pool of its native client.
  const { connection } = client as pg.PoolClient & { connection?: { stream?: Socket } }
  const stream = connection?.stream
  stream?.cork()
  process.nextTick(() => stream?.uncork())
}

/** A transaction on its connection. What needs no answer before the next statement travels with it. */
class OpenTransaction implements Transaction {
  /** What PostgreSQL calls it. */
  readonly id: Promise<string>
  readonly prepared: boolean
  readonly #sent: Promise<unknown>[] = []
  #failure: unknown

  constructor(
    readonly client: pg.PoolClient,
    { timeoutMs, prepared }: DatabaseOptions,
    lockTimeoutMs: number,
  ) {
    this.prepared = prepared
    sendTogether(client)
    this.id = this.#begin(String(timeoutMs), String(lockTimeoutMs))
    this.id.catch(() => {})
  }

  async #begin(statementTimeout: string, lockTimeout: string): Promise<string> {
    const [, [settings]] = await Promise.all([
      this.client.query(BEGIN),
      runOn(this.client, settingsStatement, [statementTimeout, lockTimeout], this.prepared),
    ])
    return settings!.id
  }

  async run<Parameters extends readonly unknown[], Row>(
    statement: Statement<Parameters, Row>,
    ...parameters: Parameters
  ): Promise<Row[]> {
    try {
      const rows = await runOn(this.client, statement, parameters, this.prepared)
      // Nothing may go on outside of a transaction that did not begin.
      await this.id
      return rows
    } catch (error) {
      // Of statements that travel together the first that fails says why; the others only that one did (25P02).
      this.#failure ??= error
      throw this.#failure
    }
  }

  send<Parameters extends readonly unknown[], Row>(
    statement: Statement<Parameters, Row>,
    ...parameters: Parameters
  ): void {
    sendTogether(this.client)
    this.#sent.push(runOn(this.client, statement, parameters, this.prepared))
  }

  async commit(): Promise<void> {
    sendTogether(this.client)
    const outcomes = await Promise.allSettled([...this.#sent, this.client.query('commit')])
    // After a failure PostgreSQL answers a commit with a rollback; the first failure says why.
    const failed = outcomes.find((outcome) => outcome.status === 'rejected')
    if (failed !== undefined) throw failed.reason
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
