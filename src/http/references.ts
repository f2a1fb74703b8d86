/** What URLs name: ids, permissions and groups. */
import type { Permission } from '../../schemas/index.js'
import { findPermissions, type PermissionReference } from '../db/permissions.js'
import { readGroup } from '../db/groups.js'
import { readUsers } from '../db/users.js'
import type { Queryable } from '../db/database.js'
import { parseId } from '../domain/accept-update.js'
import { ProblemError } from '../errors.js'
import { badParameter } from './listing.js'

/** @throws `not_found` where the text is the id of nothing */
export function idIn(text: string): number {
  const id = parseId(text)
  if (id === undefined) throw new ProblemError('not_found')
  return id
}

/** A permission by its id or as `app_label.codename`; undefined where it is neither. */
export function permissionReference(text: string): PermissionReference | undefined {
  const id = parseId(text)
  if (id !== undefined) return { id }
  const dot = text.indexOf('.')
  if (dot < 1 || /[\0\p{Cs}]/u.test(text)) return undefined
  return { appLabel: text.slice(0, dot), codename: text.slice(dot + 1) }
}

/**
 * The permissions that a filter names: a name that means nothing would find nobody, and look like an answer. Several models of
 * one app may have permissions of one name.
 * @throws `invalid` where there is none
 */
export async function permissionsIn(
  db: Queryable,
  filter: string | undefined,
): Promise<number[] | undefined> {
  if (filter === undefined) return undefined
  const reference = permissionReference(filter)
  const found = reference === undefined ? [] : await findPermissions(db, reference)
  if (found.length === 0) throw badParameter('there is no such permission')
  return found.map(({ id }) => id)
}

/**
 * The one permission that a URL names.
 * @throws `not_found`, and `invalid` where there are several of the name
 */
export async function permissionAt(db: Queryable, text: string): Promise<Permission> {
  const reference = permissionReference(text)
  const [found, other] = reference === undefined ? [] : await findPermissions(db, reference)
  if (found === undefined) throw new ProblemError('not_found')
  if (other !== undefined) throw badParameter('several permissions have this name, so use the id')
  return found
}

/**
 * The group that a filter names.
 * @throws `invalid` where there is none
 */
export const groupIn = (db: Queryable, filter: string | undefined): Promise<number | undefined> =>
  existing(filter, 'group', (id) => readGroup(db, id))

/**
 * The user that a filter names.
 * @throws `invalid` where there is none
 */
export const userIn = (db: Queryable, filter: string | undefined): Promise<number | undefined> =>
  existing(filter, 'user', async (id) => (await readUsers(db, [id]))[0])

async function existing(
  filter: string | undefined,
  what: string,
  find: (id: number) => Promise<object | undefined>,
): Promise<number | undefined> {
  if (filter === undefined) return undefined
  const id = parseId(filter)
  if (id === undefined || (await find(id)) === undefined) throw badParameter(`there is no such ${what}`)
  return id
}
