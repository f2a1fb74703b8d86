/** What PostgreSQL knows of the tables that it plans for. */
import { sql } from 'kysely'
import type { Database, Queryable } from './database.js'
import { query, statement, unnamed } from './statement.js'

/** Milliseconds: whoever ends waits for it. */
const TIME_LIMIT_MS = 2_000

const knownStatement = statement('known_users', (relation: string) =>
  query.selectNoFrom(
    sql<number>`(select reltuples from pg_class where oid = to_regclass(${relation}))::bigint`.as('users'),
  ),
)

// Whoever does the same, or changes the table, is not waited for.
const analyzeStatement = unnamed(
  sql`analyze (skip_locked) auth_user, auth_user_groups, auth_user_user_permissions, user_admin.audit_event`,
)

/**
 * Has PostgreSQL look at how many users and memberships there are, and plan anew on all connections what was planned for
 * others, unless it knows of as many users. It passes over tables that are not the role's own, with a warning.
 * @param users at least so many are there
 * @throws what the database reports: also that it took more than two seconds
 */
export function analyzeUsers(database: Database, users: number): Promise<void> {
  const analyze = async (connection: Queryable) => {
    const [known] = await connection.run(knownStatement, database.options.names.relation('auth_user'))
    if (known!.users < users) await connection.run(analyzeStatement)
  }
  // It changes nothing, and PostgreSQL lets it be where nothing may change.
  return database.snapshot(analyze, { timeoutMs: TIME_LIMIT_MS })
}
