/** All that a request could have written. */
import type pg from 'pg'

const TABLES = [
  'auth_user',
  'auth_group',
  'auth_user_groups',
  'auth_user_user_permissions',
  'auth_group_permissions',
  'authtoken_token',
  'user_admin.api_key',
  'user_admin.audit_event',
  'user_admin.idempotent_answer',
] as const
export type Everything = Record<(typeof TABLES)[number], string[]>

/** Every row of every table, as text; `xmin` tells one that was written again. */
export async function everything(pool: pg.Pool): Promise<Everything> {
  const states = await Promise.all(TABLES.map((table) => rowsOf(pool, table)))
  return Object.fromEntries(TABLES.map((table, index) => [table, states[index]!])) as Everything
}

async function rowsOf(pool: pg.Pool, table: string): Promise<string[]> {
  const { rows: found } = await pool.query('select to_regclass($1) is not null as exists', [table])
  if (!found[0].exists) return []
  const { rows } = await pool.query(`select row(x.*, x.xmin)::text as row from ${table} x order by 1`)
  return rows.map(({ row }) => row)
}
