/** A project with a user model of its own, as `custom-user.sql` has it, for tests that know Django's names only. */
import pg from 'pg'

export const CUSTOM_USER_MODEL = 'accounts.User'

const query: (this: pg.Client, ...given: any[]) => any = pg.Client.prototype.query

/** What is said of Django's own user model is said of the project's. */
export class CustomUserClient extends pg.Client {
  override query = (statement: unknown, values?: unknown, ...callback: unknown[]): any =>
    query.call(this, renamed(statement), Array.isArray(values) ? renamed(values) : values, ...callback)
}

/** A statement; or values, of which one may be the name of a table, or a list of names. */
function renamed(given: any): any {
  if (Array.isArray(given)) return given.map(renamed)
  if (typeof given?.text === 'string') return { ...given, text: renamed(given.text) }
  if (typeof given !== 'string') return given
  return given
    .replace(/\bauth_user(?=_groups\b|_user_permissions\b|\b)/g, 'accounts_user')
    .replaceAll("'auth', 'user'", "'accounts', 'user'")
}
