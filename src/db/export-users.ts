/** Reading all users, as if at one moment. */
import { sql } from 'kysely'
import type { Database, Queryable } from './database.js'
import { type IdsByName, readReferenceNames } from './reference-names.js'
import { query, statement } from './statement.js'
import { type StoredUser, wholeUser } from './users.js'

/** Users that are read at once. */
const PAGE = 2_000

/** Milliseconds that whoever takes the users may keep the snapshot open between two pages: `less` is a slow reader. */
const PATIENCE_MS = 3_600_000

/** A user with names in the place of ids, each set in the order of its names. */
export interface NamedUser extends Omit<StoredUser, 'id' | 'groups' | 'user_permissions'> {
  groups: string[]
  user_permissions: string[]
}

const pageStatement = statement('export_users', (after: number, limit: number) =>
  query
    .selectFrom(
      sql<StoredUser>`(select ${wholeUser} from auth_user as t where t.id > ${after}::bigint order by t.id limit ${limit}::int)`.as(
        'u',
      ),
    )
    .selectAll()
    .orderBy('id'),
)

const countStatement = statement('count_users', () =>
  query.selectFrom('auth_user').select(sql<number>`count(*)`.as('count')),
)

/**
 * Gives all users in the order of their ids, page by page, to `take`, which is waited for.
 * @param take gets a page, and how many users there are in all; told `false`, no more are read
 * @returns how many it was given
 */
export function exportUsers(
  database: Database,
  take: (users: NamedUser[], total: number) => Promise<boolean>,
): Promise<number> {
  // Once: what was taken can't be taken back.
  return database.snapshot((db) => giveAll(db, take), { attempts: 1, timeoutMs: PATIENCE_MS })
}

async function giveAll(db: Queryable, take: Parameters<typeof exportUsers>[1]): Promise<number> {
  const [counted] = await db.run(countStatement)
  const names = await readReferenceNames(db)
  const groups = namesById(names.groups)
  const permissions = namesById(names.user_permissions)
  let given = 0
  for (let after = 0; ;) {
    const users = await db.run(pageStatement, after, PAGE)
    if (users.length === 0) return given
    after = users.at(-1)!.id
    const named = users.map(({ id: _own, ...user }) => ({
      ...user,
      groups: user.groups.map((id) => groups.get(id)!).sort(),
      user_permissions: user.user_permissions.map((id) => permissions.get(id)!).sort(),
    }))
    given += named.length
    if (!(await take(named, counted!.count))) return given
  }
}

const namesById = (ids: IdsByName) =>
  new Map([...ids].flatMap(([name, all]) => all.map((id) => [id, name] as const)))
