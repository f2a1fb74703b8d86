/** The tokens of a Django REST Framework beside. */
import type pg from 'pg'

// As Django REST Framework makes it.
const TABLE = `create table authtoken_token (
  key varchar(40) primary key,
  created timestamptz not null default now(),
  user_id integer not null unique references auth_user (id) deferrable initially deferred
)`

/** Before a service starts: it looks once whether there is such a table. */
export const createTokenTable = (pool: pg.Pool) => pool.query(TABLE)

let made = 0

/** @returns a token of the user */
export async function addToken(pool: pg.Pool, userId: number): Promise<string> {
  const token = String(++made).padStart(40, 'f')
  await pool.query('insert into authtoken_token (key, created, user_id) values ($1, now(), $2)', [
    token,
    userId,
  ])
  return token
}
