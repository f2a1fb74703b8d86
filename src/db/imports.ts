/** How far files were imported, by their SHA-256: noted in the transactions that import them. */
import { sql } from 'kysely'
import type { Queryable, Transaction } from './database.js'
import { query, statement } from './statement.js'

/** What became of lines. */
export interface ImportCounts {
  imported: number
  skipped: number
  failed: number
}

/** How far a file was imported. */
export interface ImportProgress extends ImportCounts {
  /** What the events of its users have as the id of their request. */
  request_id: string
  /** The last line that is done; 0 for none. */
  line: number
  /** Null where it goes on. */
  finished_at: string | null
}

const findStatement = statement('find_import', (digest: Buffer) =>
  query
    .selectFrom('user_admin.import')
    .select(['request_id', 'line', 'imported', 'skipped', 'failed', 'finished_at'])
    .where('digest', '=', digest),
)

/** Undefined for a file that is new. */
export async function findImport(db: Queryable, digest: Buffer): Promise<ImportProgress | undefined> {
  const [found] = await db.run(findStatement, digest)
  return found
}

const beginStatement = statement('begin_import', (digest: Buffer, requestId: string) =>
  query
    .insertInto('user_admin.import')
    .values({ digest, request_id: requestId })
    .onConflict((conflict) => conflict.doNothing()),
)

/** Notes that it begins, unless another process was faster. */
export async function beginImport(db: Queryable, digest: Buffer, requestId: string): Promise<void> {
  await db.run(beginStatement, digest, requestId)
}

const forgetStatement = statement('forget_import', (digest: Buffer) =>
  query.deleteFrom('user_admin.import').where('digest', '=', digest),
)

export async function forgetImport(db: Queryable, digest: Buffer): Promise<void> {
  await db.run(forgetStatement, digest)
}

const lockStatement = statement('lock_import', (digest: Buffer) =>
  query.selectFrom('user_admin.import').select('line').where('digest', '=', digest).forUpdate(),
)

/** @returns the last line that is done, which nobody else changes until the end of the transaction */
export async function lockImport(transaction: Transaction, digest: Buffer): Promise<number | undefined> {
  const [found] = await transaction.run(lockStatement, digest)
  return found?.line
}

const advanceStatement = statement(
  'advance_import',
  (digest: Buffer, line: number, imported: number, skipped: number, failed: number) =>
    query
      .updateTable('user_admin.import')
      .set({
        line,
        imported: sql<number>`imported + ${imported}::bigint`,
        skipped: sql<number>`skipped + ${skipped}::bigint`,
        failed: sql<number>`failed + ${failed}::bigint`,
      })
      .where('digest', '=', digest),
)

/** Notes how far it is, together with the commit. */
export function advanceImport(
  transaction: Transaction,
  digest: Buffer,
  line: number,
  counts: ImportCounts,
): void {
  transaction.send(advanceStatement, digest, line, counts.imported, counts.skipped, counts.failed)
}

const finishStatement = statement('finish_import', (digest: Buffer) =>
  query
    .updateTable('user_admin.import')
    .set({ finished_at: sql<string>`now()` })
    .where('digest', '=', digest),
)

export async function finishImport(db: Queryable, digest: Buffer): Promise<void> {
  await db.run(finishStatement, digest)
}
