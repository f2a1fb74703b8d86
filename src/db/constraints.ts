/** Foreign keys, as they are found out about. */
import { sql } from 'kysely'
import type { Transaction } from './open-transaction.js'
import { unnamed } from './statement.js'

/** Has foreign keys checked now that would only be at the commit, as all of Django's are. */
export async function checkConstraints(transaction: Transaction): Promise<void> {
  await transaction.run(unnamed(sql`set constraints all immediate`))
}
