/** Making superusers, outside of the API: nobody else could make the first one. */
import { sql } from 'kysely'
import type { Queryable } from './database.js'
import { query, statement } from './statement.js'

const insertStatement = statement('insert_superuser', (username: string, password: string, email: string) =>
  query
    .insertInto('auth_user')
    .values({
      username,
      password,
      email,
      first_name: '',
      last_name: '',
      last_login: null,
      is_superuser: true,
      is_staff: true,
      is_active: true,
      date_joined: sql<string>`now()`,
    })
    .returning('id'),
)

/**
 * @param password encoded, or Django's mark of an unusable one
 * @returns the id of the user
 */
export async function insertSuperuser(
  db: Queryable,
  { username, password, email }: { username: string; password: string; email: string },
): Promise<number> {
  const [user] = await db.run(insertStatement, username, password, email)
  return user!.id
}

const anyUserStatement = statement('any_user', () => query.selectFrom('auth_user').select('id').limit(1))

/** Whether there is any user. */
export const hasUsers = async (db: Queryable): Promise<boolean> => (await db.run(anyUserStatement)).length > 0

const findStatement = statement('find_user_by_username', (username: string) =>
  query.selectFrom('auth_user').select(['id', 'is_active', 'is_staff']).where('username', '=', username),
)

/** A user by its exact username. */
export async function findUserByUsername(db: Queryable, username: string) {
  const [user] = await db.run(findStatement, username)
  return user
}
