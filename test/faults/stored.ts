/** What is stored of users, and what the audit trail tells of them. */
import { setTimeout as sleep } from 'node:timers/promises'
import type pg from 'pg'
import type { Event, Operation, State } from './history.js'
import { clock } from './load.js'

/** Every change of these users, in the order of the trail. */
export async function eventsOf(pool: pg.Pool, users: readonly number[]): Promise<Event[]> {
  const { rows } = await pool.query(
    `select target_id::int as user, changes from user_admin.audit_event
     where action = 'user.update' and outcome = 'applied' and target_id = any($1) order by id`,
    [users],
  )
  return rows.map(({ user, changes }) => ({
    user,
    changes: { name: changes.last_name, groups: changes.groups },
  }))
}

/**
 * Users as they are stored at one moment. One whose newest event doesn't go with it is given a name that says so, and that nobody
 * wrote.
 */
export async function readStates(pool: pg.Pool, users: readonly number[]): Promise<Map<number, State>> {
  const { rows } = await pool.query(
    `select id::int as user, last_name as name,
       array(select group_id::int from auth_user_groups where user_id = u.id order by 1) as groups,
       (select changes->'last_name'->>1 from user_admin.audit_event
        where target_id = u.id and action = 'user.update' and outcome = 'applied' order by id desc limit 1) as audited
     from auth_user u where id = any($1)`,
    [users],
  )
  return new Map(
    rows.map(({ user, name, groups, audited }) => [
      user,
      { name: name === (audited ?? 'start') ? name : `${name}, audited as ${audited}`, groups },
    ]),
  )
}

/** Looks at users again and again: reads that no service has made. */
export function watchStored(pool: pg.Pool, users: readonly number[]): { stop(): Promise<Operation[]> } {
  const seen: Operation[] = []
  let isOver = false
  const done = (async () => {
    for (; !isOver; await sleep(5)) {
      const began = clock()
      const states = await readStates(pool, users).catch(() => new Map<number, State>())
      const ended = clock()
      for (const [user, state] of states)
        seen.push({ kind: 'read', user, began, ended, outcome: 'done', state })
    }
  })()
  return {
    async stop() {
      isOver = true
      await done
      return seen
    },
  }
}
