/** Making superusers, outside of the API: nobody else could make the first one. */
import type { Queryable } from './database.js'
import { query, statement } from './statement.js'
import { insertUser } from './accounts.js'

/**
 * @param password encoded, or Django's mark of an unusable one
 * @returns the id of the user
 */
export function insertSuperuser(
  db: Queryable,
  { username, password, email }: { username: string; password: string; email: string },
): Promise<number> {
  return insertUser(db, {
    username,
    password,
    email,
    first_name: '',
    last_name: '',
    last_login: null,
    is_superuser: true,
    is_staff: true,
    is_active: true,
    date_joined: new Date().toISOString(),
  })
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
