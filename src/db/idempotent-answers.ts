/** What requests with an idempotency key were answered, kept for when they come again. */
import { sql } from 'kysely'
import type { Database, Queryable, Transaction } from './database.js'
import { query, statement } from './statement.js'

/** Hours for which an answer is kept. */
export const KEPT_HOURS = 24

export interface IdempotentAnswer {
  /** A keyed hash of what was asked for. */
  fingerprint: Buffer
  status: number
  headers: Record<string, string>
  /** Undefined where it has none. */
  body?: unknown
}

const isKept = sql<boolean>`answered_at > now() - make_interval(hours => ${sql.lit(KEPT_HOURS)})`

const findStatement = statement('find_idempotent_answer', (key: Buffer) =>
  query
    .selectFrom('user_admin.idempotent_answer')
    .select(['fingerprint', 'status', 'headers', 'body'])
    .where('key', '=', key)
    .where(isKept),
)

/** The answer under this key, if one is kept. */
export async function findAnswer(db: Queryable, key: Buffer): Promise<IdempotentAnswer | undefined> {
  const [row] = await db.run(findStatement, key)
  return row && { ...row, body: row.body ?? undefined }
}

const claimStatement = statement('claim_idempotency_key', (lock: string) =>
  query.selectNoFrom(sql<boolean>`pg_try_advisory_xact_lock(${lock}::bigint)`.as('isClaimed')),
)

/**
 * Takes the key for the rest of the transaction.
 * @returns false where another transaction, on any replica, has it
 */
export async function claimKey(transaction: Transaction, key: Buffer): Promise<boolean> {
  const [row] = await transaction.run(claimStatement, String(key.readBigInt64BE()))
  return row!.isClaimed
}

const keepStatement = statement(
  'keep_idempotent_answer',
  (key: Buffer, fingerprint: Buffer, status: number, headers: string, body: string | null) =>
    query
      .insertInto('user_admin.idempotent_answer')
      .values({ key, fingerprint, status, headers, body })
      .onConflict((conflict) =>
        // One that is too old to be answered again, and not removed yet.
        conflict.column('key').doUpdateSet({ fingerprint, status, headers, body, answered_at: sql`now()` }),
      ),
)

/** Keeps the answer, with the transaction that does what it tells of. */
export function keepAnswer(transaction: Transaction, key: Buffer, answer: IdempotentAnswer): void {
  const { fingerprint, status, headers, body } = answer
  const text = body === undefined ? null : JSON.stringify(body)
  transaction.send(keepStatement, key, fingerprint, status, JSON.stringify(headers), text)
}

const removeStatement = statement('remove_idempotent_answers', (limit: number) =>
  query
    .deleteFrom('user_admin.idempotent_answer')
    .where('key', 'in', (old) =>
      old
        .selectFrom('user_admin.idempotent_answer')
        .select('key')
        .where(sql<boolean>`not ${isKept}`)
        .limit(sql<number>`${limit}::int`),
    )
    .returning(sql<number>`1`.as('removed')),
)

/** Answers that are removed at once. */
const STEP = 1_000

/** @returns how many answers were too old */
export async function removeOldAnswers(db: Database, signal: AbortSignal): Promise<number> {
  let removed = 0
  for (;;) {
    if (signal.aborted) return removed
    const { length } = await db.run(removeStatement, STEP)
    removed += length
    if (length < STEP) return removed
  }
}
