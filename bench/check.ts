/** Whether what was answered is true: the rows and the audit of the database beside each other. */
import { setTimeout as sleep } from 'node:timers/promises'
import type { Directory } from './database.js'

const SAMPLE = 200

const QUIET_MS = 300
const PATIENCE = 50

/** The newest audit event: what is written later has a higher id. */
export async function lastEvent({ pool }: Directory): Promise<string> {
  const { rows } = await pool.query('select coalesce(max(id), 0)::text as id from user_admin.audit_event')
  return rows[0].id
}

/**
 * Waits for requests that nobody waits for any more: where a load ends, some are still under way.
 * @returns the newest audit event
 */
export async function untilQuiet(directory: Directory): Promise<string> {
  for (let last = await lastEvent(directory), n = 0; ; n++) {
    await sleep(QUIET_MS)
    const now = await lastEvent(directory)
    if (now === last) return now
    if (n === PATIENCE) throw new Error('the service goes on writing, though nobody asks it to')
    last = now
  }
}

/**
 * Compares what was written since an event with what was answered.
 * @param answered requests that were answered with success, each of which changed something
 * @param cutOff requests that may have been under way when the load ended
 * @throws Error where an answered request left no event, one left several, or a row is not what its last
 *   event says
 */
export async function checkWritten(
  directory: Directory,
  since: string,
  answered: number,
  cutOff: number,
): Promise<void> {
  const { rows } = await directory.pool.query(
    `select count(*)::int as events, count(distinct request_id)::int as requests
       from user_admin.audit_event where id > $1 and outcome = 'applied'`,
    [since],
  )
  const { events, requests } = rows[0]
  if (events < answered || events > answered + cutOff || events !== requests) {
    throw new Error(
      `${answered} requests were answered, but ${events} events of ${requests} requests were written`,
    )
  }
  const wrong = await compareSample(directory, since)
  if (wrong.length > 0) throw new Error(`these users are not what their last event says: ${wrong.join(', ')}`)
}

async function compareSample({ pool }: Directory, since: string): Promise<number[]> {
  const { rows } = await pool.query<{ id: number }>(
    `select u.id
       from (
         select target_id from user_admin.audit_event where id > $1 group by 1 order by random() limit $2
       ) sample
       join auth_user u on u.id = sample.target_id
       cross join lateral (
         select changes -> 'first_name' ->> 1 as first_name from user_admin.audit_event
         where target_type = 'user' and target_id = u.id and id > $1 and outcome = 'applied'
         order by id desc limit 1
       ) event
       where event.first_name is distinct from u.first_name`,
    [since, SAMPLE],
  )
  return rows.map(({ id }) => id)
}

/** One request, to see that the service does the job at all. @throws Error where it does not */
export async function checkAnswer(origin: string, directory: Directory, key: string): Promise<void> {
  const id = 1 + Math.floor(Math.random() * directory.users)
  const name = `probe ${Date.now()}`
  const response = await fetch(`${origin}/admin/users/${id}/`, {
    method: 'PATCH',
    headers: { authorization: `Bearer ${key}`, 'content-type': 'application/json' },
    body: JSON.stringify({ first_name: name }),
  })
  const user = (await response.json()) as { id?: number; first_name?: string }
  const { rows } = await directory.pool.query('select first_name from auth_user where id = $1', [id])
  if (response.status !== 200 || user.id !== id || user.first_name !== name || rows[0].first_name !== name) {
    throw new Error(
      `${origin} answered ${response.status} ${JSON.stringify(user)} where user ${id} should be ${name}`,
    )
  }
}
