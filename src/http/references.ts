/** What URLs name: ids, permissions and groups. */
import { findPermission, type PermissionReference } from '../db/permissions.js'
import { readGroup } from '../db/groups.js'
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
 * The permission that a filter names: a name that means nothing would find nobody, and look like an answer.
 * @throws `invalid` where there is none
 */
export async function permissionIn(db: Queryable, filter: string | undefined): Promise<number | undefined> {
  if (filter === undefined) return undefined
  const reference = permissionReference(filter)
  const found = reference === undefined ? undefined : await findPermission(db, reference)
  if (found === undefined) throw badParameter('there is no such permission')
  return found.id
}

/**
 * The group that a filter names.
 * @throws `invalid` where there is none
 */
export async function groupIn(db: Queryable, filter: string | undefined): Promise<number | undefined> {
  if (filter === undefined) return undefined
  const id = parseId(filter)
  if (id === undefined || (await readGroup(db, id)) === undefined)
    throw badParameter('there is no such group')
  return id
}
