/** Foreign keys, as they are found out about. */
import { sql } from 'kysely'
import type { Transaction } from './open-transaction.js'
import { unnamed } from './statement.js'

const checkStatement = unnamed(sql`set constraints all immediate`)

/** Has foreign keys checked now that would only be at the commit, as all of Django's are. */
export async function checkConstraints(transaction: Transaction): Promise<void> {
  await transaction.run(checkStatement)
}

/** The same before what is sent next. */
export function sendConstraintsCheck(transaction: Transaction): void {
  transaction.send(checkStatement)
}
