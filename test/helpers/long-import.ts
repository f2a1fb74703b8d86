/** An import of several transactions that can be held up in its last one. */
import type pg from 'pg'
import { until } from './until.js'
import { HASH, ndjson } from './directory-files.js'

/** Of several transactions. */
export const USERS = 3_300
/** A username of the last transaction. */
export const IN_THE_LAST = 'user3100'
/** A username of the second one: while it waits, the last one has not begun. */
export const IN_THE_SECOND = 'user1500'
/** What all transactions but the last make. */
export const WRITTEN_BEFORE = 3_000

export const usersFile = ndjson(
  Array.from({ length: USERS }, (_, index) => ({
    username: `user${index}`,
    password: HASH,
    groups: index % 2 === 0 ? ['readers'] : [],
    date_joined: '2024-01-15T09:00:00.123456Z',
  })),
)

export const addUser = (db: pg.Pool | pg.ClientBase, username: string) =>
  db.query(
    `insert into auth_user (password, is_superuser, username, first_name, last_name, email, is_staff, is_active, date_joined)
     values ('!', false, $1, 'Rival', '', '', false, true, now())`,
    [username],
  )

/** Somebody makes a user with a name of a transaction, which waits for the end of that. */
export async function makeRival(pool: pg.Pool, username = IN_THE_LAST) {
  const client = await pool.connect()
  await client.query('begin')
  await addUser(client, username)
  return {
    end: async (how: 'commit' | 'rollback') => {
      await client.query(how)
      client.release()
    },
    isWaitedFor: () =>
      until(async () => {
        const { rows } = await pool.query(
          `select from pg_stat_activity where datname = current_database() and wait_event_type = 'Lock' and query like 'copy%'`,
        )
        return rows.length > 0
      }),
  }
}
