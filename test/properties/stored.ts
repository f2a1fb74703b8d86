import type pg from 'pg'

/** Everything that is stored of a user, as text; `xmin` tells a row that was written again. */
export async function stored(pool: pg.Pool, id: number): Promise<Record<string, unknown>> {
  const members = (table: string) =>
    `(select array_agg(row(m.*, m.xmin)::text order by id) from ${table} m where user_id = $1)`
  const { rows } = await pool.query(
    `select (select row(u.*, u.xmin, u.ctid)::text from auth_user u where id = $1) as user,
       ${members('auth_user_groups')} as groups, ${members('auth_user_user_permissions')} as permissions,
       (select count(*)::int from user_admin.audit_event where target_id = $1) as events`,
    [id],
  )
  return rows[0]
}
