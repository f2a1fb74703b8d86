/** The connections: a pool that outlives killed backends, statements run on it, and transactions. */
import { setTimeout as sleep } from 'node:timers/promises'
import { sql } from 'kysely'
import pg from 'pg'
import { inSpan } from '../spans.js'
import { isConflict, isConnectionLoss, isReadOnly, isStaleStatement } from './sqlstate.js'
import type { AdminLog } from './admin-log.js'
import { Names } from './names.js'
import { OpenTransaction, type Transaction } from './open-transaction.js'
import { type Queryable, runOn, sendTogether } from './run.js'
import { release } from './release.js'
import { clientFor } from './servers.js'
import { query, type Statement, statement } from './statement.js'
import { tookEffect } from './unconfirmed-commit.js'

export type { Transaction } from './open-transaction.js'
export type { Queryable } from './run.js'

/** What the database layer says to a log. */
export interface DatabaseLog {
  warn(details: object, message: string): void
}

export interface DatabaseOptions {
  /** Milliseconds that a statement, or a wait for a connection, may take. */
  timeoutMs: number
  /** Named prepared statements. Turn off behind a pooler that can't keep them (PgBouncer before 1.21). */
  prepared: boolean
  /** What the project calls its tables. Default: as Django does. */
  names?: Names | undefined
  /** How changes are entered in Django's own log, whose table is there. Default: they are not. */
  adminLog?: AdminLog | undefined
  log?: DatabaseLog | undefined
}

export interface TransactionOptions<Result = unknown> {
  /**
   * How often the whole is run, at most, where others' transactions got in the way (40001, 40P01). Default 10; after
   * `timeoutMs` it is not run again.
   */
  attempts?: number | undefined
  /** Milliseconds to wait for a lock. Default: as long as a statement may take. */
  lockTimeoutMs?: number | undefined
  /** Whether what was done is to hold. Where it says no, all of it is taken back. Default: it is. */
  keeps?: ((result: Result) => boolean) | undefined
}

export interface SnapshotOptions {
  /** How often the whole is run, at most. Default 10. */
  attempts?: number | undefined
  /** Milliseconds that a statement, or the time between two, may take. Default: as for all. */
  timeoutMs?: number | undefined
}

const ATTEMPTS = 10
/** The longest pause between two attempts, in milliseconds. */
const LONGEST_PAUSE_MS = 160

interface PoolOptions {
  max: number
  timeoutMs: number
  Client?: typeof pg.Client
}

/** A pool that is all our own; it opens no connection yet. */
export function openPool(
  connectionString: string,
  { max, timeoutMs, Client = clientFor(connectionString) }: PoolOptions,
): pg.Pool {
  return new pg.Pool({
    connectionString,
    Client,
    max,
    // Statements that don't need each other's answers travel together.
    pipeline: true,
    connectionTimeoutMillis: timeoutMs,
    // A read outside of a transaction has no `statement_timeout`: as a start-up parameter it breaks PgBouncer.
    query_timeout: timeoutMs * 2,
    application_name: 'fastify-user-admin',
  })
}

/** The connections of a service. */
export interface Pools {
  pool: pg.Pool
  /** One connection for looking up who calls: bad credentials are told from good ones while all others are busy. */
  callersPool: pg.Pool
  end(): Promise<void>
}

export function openPools(url: string, { max, timeoutMs }: { max: number; timeoutMs: number }): Pools {
  // What one of them finds out about the servers, the other one knows.
  const shared = { timeoutMs, Client: clientFor(url) }
  const [pool, callersPool] = [openPool(url, { ...shared, max }), openPool(url, { ...shared, max: 1 })]
  return {
    pool,
    callersPool,
    end: async () => void (await Promise.all([pool.end(), callersPool.end()])),
  }
}

/** The database that the service works on. */
export class Database implements Queryable {
  /** How often work was run again, for metrics. */
  retries = 0
  readonly options: DatabaseOptions & { names: Names }

  constructor(
    readonly pool: pg.Pool,
    options: DatabaseOptions,
  ) {
    this.options = { ...options, names: options.names ?? new Names() }
    // Without listeners, a backend that is killed ends the whole process: the pool's for idle ones, the client's own
    // for all others, those included that a host's pool opened before.
    pool.on('error', (error: Error & { code?: string }) => {
      // One that is lost while all are given up is no news: the server may end before it has read the good-bye.
      if (pool.ending) return
      options.log?.warn({ code: error.code, reason: error.message }, 'a database connection was lost')
    })
    pool.on('acquire', outliveErrors)
  }

  run<Parameters extends readonly unknown[], Row>(
    statement: Statement<Parameters, Row>,
    ...parameters: Parameters
  ): Promise<Row[]> {
    return this.#connected((client) => runOn(client, statement, parameters, this.options))
  }

  /** Runs statements that don't need each other's answers on one connection: one round trip for all. */
  together<Result>(work: (connection: Queryable) => Promise<Result>): Promise<Result> {
    return this.#connected((client) => {
      sendTogether(client)
      return work(this.#queryable(client))
    })
  }

  /**
   * Runs statements that read as if at one moment, however long they take; that is bounded, on the server too.
   * @throws what `work` throws, and what the database reports: also that a statement took too long
   */
  snapshot<Result>(
    work: (connection: Queryable) => Promise<Result>,
    { attempts = ATTEMPTS, timeoutMs = this.options.timeoutMs }: SnapshotOptions = {},
  ): Promise<Result> {
    const timeout = String(timeoutMs)
    return this.#connected(
      async (client) => {
        sendTogether(client)
        const [, , result] = await Promise.all([
          client.query('begin isolation level repeatable read read only'),
          runOn(client, readSettingsStatement, [timeout], this.options),
          work(this.#queryable(client)),
        ])
        await client.query('commit')
        return result
      },
      rollBack,
      attempts,
    )
  }

  /**
   * Does `work` in one transaction. What it throws rolls everything back.
   * @throws what `work` throws and what the database reports; when the connection is lost during the commit, only
   *   after asking whether it took effect: a result means that it did
   */
  transaction<Result>(
    work: (transaction: Transaction) => Promise<Result>,
    { attempts = ATTEMPTS, lockTimeoutMs = 0, keeps = () => true }: TransactionOptions<Result> = {},
  ): Promise<Result> {
    return this.#retrying(
      () => inSpan('transaction', {}, () => this.#attempt(lockTimeoutMs, work, keeps)),
      attempts,
    )
  }

  #queryable(client: pg.PoolClient): Queryable {
    return { run: (statement, ...parameters) => runOn(client, statement, parameters, this.options) }
  }

  /**
   * Does `work` on one connection.
   * @param salvage whether the connection is of use after a failure; by default it is not: others of its statements may still be
   *   under way
   */
  #connected<Result>(
    work: (client: pg.PoolClient) => Promise<Result>,
    salvage: (client: pg.PoolClient, error: unknown) => Promise<Error | undefined> = asFailure,
    attempts = ATTEMPTS,
  ): Promise<Result> {
    return this.#retrying(async () => {
      const client = await this.pool.connect()
      let failure: Error | undefined
      try {
        return await work(client)
      } catch (error) {
        failure = await salvage(client, error)
        throw error
      } finally {
        release(client, failure)
      }
    }, attempts)
  }

  /** Runs what others' transactions, or a change of the tables, got in the way of again. */
  async #retrying<Result>(run: () => Promise<Result>, attempts: number): Promise<Result> {
    // Each connection may have prepared it; a stale statement is nobody's conflict, and ends its connection.
    let stale = this.pool.options.max
    const lastStart = performance.now() + this.options.timeoutMs
    for (let attempt = 1; ;) {
      try {
        return await run()
      } catch (error) {
        if (isStaleStatement(error) && stale-- > 0) continue
        if (!isConflict(error) || attempt >= attempts || performance.now() > lastStart)
          throw this.#named(error)
        this.retries++
        // Not at once and not together: those that met would meet again.
        await sleep(Math.random() * Math.min(10 * 2 ** attempt++, LONGEST_PAUSE_MS))
      }
    }
  }

  /** A failure that tells of Django's tables by Django's names, which is how the rest knows them. */
  #named(error: unknown): unknown {
    if (error instanceof pg.DatabaseError && error.table !== undefined)
      error.table = this.options.names.djangoTable(error.table)
    return error
  }

  async #attempt<Result>(
    lockTimeoutMs: number,
    work: (transaction: Transaction) => Promise<Result>,
    keeps: (result: Result) => boolean,
  ): Promise<Result> {
    const client = await this.pool.connect()
    let failure: Error | undefined
    let unconfirmed: Error | undefined
    try {
      const open = new OpenTransaction(client, this.options, lockTimeoutMs)
      const result = await work(open)
      const id = await open.id
      if (!keeps(result)) {
        await open.takeBack()
        return result
      }
      try {
        await open.commit()
      } catch (error) {
        if (!isConnectionLoss(error)) throw error
        unconfirmed = error as Error
        if (!(await tookEffect(this.pool, id, open.trace, this.options))) throw error
      }
      return result
    } catch (error) {
      if (unconfirmed === undefined) failure = await rollBack(client, error)
      throw error
    } finally {
      // A commit that waits for a standby is not cancelled: it would hold, and be seen, without the standby.
      if (unconfirmed === undefined) release(client, failure)
      else client.release(unconfirmed)
    }
  }
}

/** @returns why the connection is of no more use, if it is not; the first error says more */
const rollBack = (client: pg.PoolClient, error: unknown): Promise<Error | undefined> =>
  client.query('rollback').then(
    () => (isStaleStatement(error) || isReadOnly(error) ? (error as Error) : undefined),
    (second: Error) => (isConnectionLoss(error) ? (error as Error) : second),
  )

const asFailure = (_client: pg.PoolClient, error: unknown): Promise<Error> => Promise.resolve(error as Error)

const outliving = new WeakSet<pg.PoolClient>()

/** Once for each client, and for good: it may report more than one error, the last when nobody uses it any more. */
function outliveErrors(client: pg.PoolClient): void {
  if (outliving.has(client)) return
  outliving.add(client)
  client.on('error', () => {})
}

/** The same for a transaction that only reads, whose statements differ in what they look for. */
const readSettingsStatement = statement('begin_reading', (statementTimeout: string) =>
  query.selectNoFrom([
    sql`set_config('statement_timeout', ${statementTimeout}, true)`.as('statement_timeout'),
    sql`set_config('idle_in_transaction_session_timeout', ${statementTimeout}, true)`.as('idle_timeout'),
  ]),
)
