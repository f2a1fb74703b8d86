/** One open transaction, on the connection that it has for itself. */
import { sql } from 'kysely'
import type pg from 'pg'
import type { AdminLog } from './admin-log.js'
import type { AuditEvent } from './audit.js'
import { type CopiedRows, copyInto } from './copy.js'
import { inStatementSpan, type Queryable, runOn, type RunOptions, sendTogether } from './run.js'
import { query, type Statement, statement } from './statement.js'
import type { Trace } from './unconfirmed-commit.js'

/** One open transaction. */
export interface Transaction extends Queryable {
  /** Undefined where changes are not entered in Django's own log. */
  readonly adminLog: AdminLog | undefined
  /** Tells it of events that it records, by one of which it is known again. */
  leavesTrace(events: readonly AuditEvent[]): void
  /**
   * Sends a statement together with the commit, which fails where it fails: one round trip less. Only others that
   * are sent so may follow, unless `flush` comes before; its rows are not seen.
   */
  send<Parameters extends readonly unknown[], Row>(
    statement: Statement<Parameters, Row>,
    ...parameters: Parameters
  ): void
  /** Waits for what was sent. */
  flush(): Promise<void>
  /** Sends rows by COPY in the same way, but at once. */
  copy(rows: CopiedRows): void
}

/**
 * Read committed whatever the server's default is: locks are taken first, and later statements must see what was waited
 * for.
 */
const BEGIN = 'begin isolation level read committed read write'

/**
 * What holds for the transaction alone, and the id that PostgreSQL gives it. A statement instead of as many `set local`: it
 * is parsed once a connection. The plans of our statements are the same whatever the values, and planning costs more than
 * running them. Plans are kept, and a table may be a thousand times as large by the time that one is used: so they go by
 * keys, also where all of today's rows would be read sooner.
 */
const settingsStatement = statement('begin_settings', (statementTimeout: string, lockTimeout: string) =>
  query.selectNoFrom([
    sql`set_config('statement_timeout', ${statementTimeout}, true)`.as('statement_timeout'),
    // A network that is silent would keep the locks until TCP gives up, after hours.
    sql`set_config('idle_in_transaction_session_timeout', ${statementTimeout}, true)`.as('idle_timeout'),
    sql`set_config('lock_timeout', ${lockTimeout}, true)`.as('lock_timeout'),
    sql`set_config('plan_cache_mode', 'force_generic_plan', true)`.as('plan_cache_mode'),
    sql`set_config('enable_seqscan', 'off', true)`.as('enable_seqscan'),
    // A hundred times the default: else PostgreSQL 15 reads all of an index, rather than look some ten keys up.
    sql`set_config('cpu_tuple_cost', '1', true)`.as('cpu_tuple_cost'),
    // What is forbidden counts as costly, and for a costly plan PostgreSQL would compile code.
    sql`set_config('jit', 'off', true)`.as('jit'),
    sql<string>`txid_current()::text`.as('id'),
  ]),
)

/** in_failed_sql_transaction */
const IN_FAILED_TRANSACTION = '25P02'

/** A transaction on its connection. What needs no answer before the next statement travels with it. */
export class OpenTransaction implements Transaction {
  /** What PostgreSQL calls it. */
  readonly id: Promise<string>
  /** Undefined where it records nothing. */
  trace: Trace | undefined
  readonly #sent: Promise<unknown>[] = []
  #failure: unknown

  constructor(
    readonly client: pg.PoolClient,
    readonly options: RunOptions & { timeoutMs: number; adminLog?: AdminLog | undefined },
    lockTimeoutMs: number,
  ) {
    sendTogether(client)
    this.id = this.#begin(String(options.timeoutMs), String(lockTimeoutMs))
    this.id.catch(() => {})
  }

  get adminLog(): AdminLog | undefined {
    return this.options.adminLog
  }

  leavesTrace(events: readonly AuditEvent[]): void {
    // All of them hold, or none.
    for (const { target_type, target_id, request_id } of events)
      if (target_id !== null) this.trace ??= { target_type, target_id, request_id }
  }

  async #begin(statementTimeout: string, lockTimeout: string): Promise<string> {
    const [, [settings]] = await Promise.all([
      this.client.query(BEGIN),
      runOn(this.client, settingsStatement, [statementTimeout, lockTimeout], this.options),
    ])
    return settings!.id
  }

  async run<Parameters extends readonly unknown[], Row>(
    statement: Statement<Parameters, Row>,
    ...parameters: Parameters
  ): Promise<Row[]> {
    try {
      const rows = await runOn(this.client, statement, parameters, this.options)
      // Nothing may go on outside of a transaction that did not begin.
      await this.id
      return rows
    } catch (error) {
      this.#note(error)
      throw this.#failure ?? error
    }
  }

  /** Of statements that travel together the first that fails says why. The others only say that one did, and that perhaps sooner. */
  #note(error: unknown): void {
    if ((error as { code?: unknown }).code !== IN_FAILED_TRANSACTION) this.#failure ??= error
  }

  send<Parameters extends readonly unknown[], Row>(
    statement: Statement<Parameters, Row>,
    ...parameters: Parameters
  ): void {
    sendTogether(this.client)
    this.#follow(runOn(this.client, statement, parameters, this.options))
  }

  copy({ table, columns, text }: CopiedRows): void {
    if (text === '') return
    const relation = this.options.names.inSql(table)
    this.#follow(
      inStatementSpan('copy', `copy ${relation} from stdin`, () =>
        copyInto(this.client, { table: relation, columns, text }),
      ),
    )
  }

  #follow(sent: Promise<unknown>): void {
    // Nobody may come to wait for it, where something else fails first.
    sent.catch((error: unknown) => this.#note(error))
    this.#sent.push(sent)
  }

  async flush(): Promise<void> {
    await allOf(this.#sent)
  }

  commit(): Promise<void> {
    return inStatementSpan('commit', 'commit', () => this.#end('commit'))
  }

  /** Does what the commit would find out about, and then nothing of it all. */
  takeBack(): Promise<void> {
    return this.#end('set constraints all immediate', 'rollback')
  }

  async #end(...statements: string[]): Promise<void> {
    sendTogether(this.client)
    const ends = statements.map((text) => this.client.query(text))
    // After a failure PostgreSQL answers a commit with a rollback.
    await allOf([...this.#sent, ...ends])
  }
}

/** @throws what the first of them, in the order in which they were sent, has failed with */
async function allOf(sent: readonly Promise<unknown>[]): Promise<void> {
  const outcomes = await Promise.allSettled(sent)
  const failed = outcomes.find((outcome) => outcome.status === 'rejected')
  if (failed !== undefined) throw failed.reason
}
