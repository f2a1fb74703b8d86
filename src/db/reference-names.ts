/** What groups and permissions are called, for files that must mean the same in another directory. */
import { sql } from 'kysely'
import type { Queryable } from './database.js'
import { query, statement } from './statement.js'

/** A name, and everything that has it: permissions of two models of one app may be called the same. */
export type IdsByName = ReadonlyMap<string, readonly number[]>

const groupsStatement = statement('names_of_groups', () =>
  query.selectFrom('auth_group').select(['id', 'name']).orderBy('id'),
)

const permissionsStatement = statement('names_of_permissions', () =>
  query
    .selectFrom('auth_permission as p')
    .innerJoin('django_content_type as c', 'c.id', 'p.content_type_id')
    .select(['p.id', sql<string>`c.app_label || '.' || p.codename`.as('name')])
    .orderBy('p.id'),
)

export interface ReferenceNames {
  groups: IdsByName
  user_permissions: IdsByName
}

/** All of them; permissions as `app_label.codename`. */
export async function readReferenceNames(db: Queryable): Promise<ReferenceNames> {
  const groups = await db.run(groupsStatement)
  const permissions = await db.run(permissionsStatement)
  return { groups: byName(groups), user_permissions: byName(permissions) }
}

function byName(rows: readonly { id: number; name: string }[]): IdsByName {
  const ids = new Map<string, number[]>()
  for (const { id, name } of rows) ids.set(name, [...(ids.get(name) ?? []), id])
  return ids
}

const takenStatement = statement('taken_usernames', (usernames: string[]) =>
  query
    .selectFrom('auth_user')
    .select('username')
    .where('username', '=', sql<string>`any(${usernames}::text[])`),
)

/** Which of these usernames somebody has. */
export async function takenUsernames(db: Queryable, usernames: readonly string[]): Promise<Set<string>> {
  const rows = usernames.length === 0 ? [] : await db.run(takenStatement, [...usernames])
  return new Set(rows.map(({ username }) => username))
}
