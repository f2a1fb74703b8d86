/** What tests look at in answers, and in the database behind them. */
import type pg from 'pg'

/** The codes of a problem's faults by their pointers. */
export const faultsOf = (problem: any): Record<string, string> =>
  Object.fromEntries((problem.errors ?? []).map(({ pointer, code }: any) => [pointer, code]))

/** Everything recorded of an action, oldest first. */
export async function eventsOf(pool: pg.Pool, action: string, targetId?: number | null) {
  const { rows } = await pool.query(
    `select actor_id::int as actor, outcome, target_id::int as target, changes from user_admin.audit_event
     where action = $1 and ($2::bigint is null or target_id = $2) order by id`,
    [action, targetId],
  )
  return rows
}

/** A permission as Django calls it. */
export async function permissionName(pool: pg.Pool, id: number): Promise<string> {
  const { rows } = await pool.query(
    `select c.app_label || '.' || p.codename as name from auth_permission p
     join django_content_type c on c.id = p.content_type_id where p.id = $1`,
    [id],
  )
  return rows[0].name
}

/** All that is stored of a group; `xmin` tells a row that was written again. */
export async function storedGroup(pool: pg.Pool, id: number) {
  const { rows } = await pool.query(
    `select (select row(g.*, g.xmin)::text from auth_group g where id = $1) as group,
       (select array_agg(row(p.*, p.xmin)::text order by id) from auth_group_permissions p where group_id = $1) as permissions,
       (select array_agg(user_id order by user_id) from auth_user_groups where group_id = $1) as members`,
    [id],
  )
  return rows[0]
}
