/** What became of a transaction whose commit nobody confirmed, since the connection was lost. */
import { setTimeout as sleep } from 'node:timers/promises'
import { sql } from 'kysely'
import type pg from 'pg'
import { unavailable } from '../errors.js'
import { runOn, type RunOptions } from './run.js'
import { query, statement } from './statement.js'

/** An event that a transaction records: what is found in the audit trail where it took effect. */
export interface Trace {
  target_type: string
  target_id: number
  request_id: string
}

/** Between two questions. */
const PAUSE_MS = 50

/** What PostgreSQL says of a transaction that it will yet give that id: it has crashed, and knows nothing of ours. */
const IN_THE_FUTURE = '22023'

const statusStatement = statement('transaction_status', (id: string) =>
  query.selectNoFrom(sql<string | null>`txid_status(${id}::bigint)`.as('status')),
)

const traceStatement = statement('find_trace', (type: string, id: number, requestId: string) =>
  query
    .selectFrom('user_admin.audit_event')
    .where('target_type', '=', type)
    .where('target_id', '=', id)
    .where('request_id', '=', requestId)
    .select('id')
    .limit(1),
)

/**
 * A backend that is ended while it waits for a standby has committed, though the standby may not have it, and would know nothing
 * of it if it took over. What is committed after that, and waits as well, is there only with all that was before it.
 */
const confirmStatement = statement('confirm_commit', () =>
  query.selectNoFrom(sql<string>`pg_logical_emit_message(true, 'user_admin', '')`.as('position')),
)

/**
 * Asks whether it took effect.
 *
 * Its id alone doesn't tell: a server that has crashed, or another one that takes over, may not have heard of it, and gives
 * its id to the next one. So where it left a trace, that must be there too.
 * @param id as `txid_current` gave it
 * @param trace undefined where it wrote nothing that the trail would tell of
 * @throws `unavailable` where that can't be found out in time: it may or may not have taken effect
 */
export async function tookEffect(
  pool: pg.Pool,
  id: string,
  trace: Trace | undefined,
  options: RunOptions & { timeoutMs: number },
): Promise<boolean> {
  const deadline = performance.now() + options.timeoutMs
  let cause: unknown
  while (performance.now() < deadline) {
    try {
      const [row] = await runOn(pool, statusStatement, [id], options)
      // Its backend may still be at it.
      if (row!.status !== 'in progress') {
        // By statements of their own, which see all that was committed before.
        const isThere = row!.status === 'committed' && (await isFound(pool, trace, options))
        if (isThere) await runOn(pool, confirmStatement, [], options)
        return isThere
      }
    } catch (error) {
      if ((error as { code?: string }).code === IN_THE_FUTURE) return false
      cause = error
    }
    await sleep(PAUSE_MS)
  }
  throw unavailable(
    'unavailable',
    'The connection was lost, and it is not known whether this was written.',
    cause,
  )
}

async function isFound(pool: pg.Pool, trace: Trace | undefined, options: RunOptions): Promise<boolean> {
  if (trace === undefined) return true
  const { target_type, target_id, request_id } = trace
  return (await runOn(pool, traceStatement, [target_type, target_id, request_id], options)).length > 0
}
