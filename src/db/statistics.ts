/** What PostgreSQL knows of the tables that it plans for. */
import { sql } from 'kysely'
import type { Queryable } from './database.js'
import { unnamed } from './statement.js'

// Whoever does the same, or changes the table, is not waited for.
const analyzeStatement = unnamed(
  sql`analyze (skip_locked) auth_user, auth_user_groups, auth_user_user_permissions, user_admin.audit_event`,
)

/**
 * Has PostgreSQL look at how many users and memberships there are, and plan anew on all connections what was planned for
 * others. It passes over tables that are not the role's own, with a warning.
 */
export async function analyzeUsers(db: Queryable): Promise<void> {
  await db.run(analyzeStatement)
}
