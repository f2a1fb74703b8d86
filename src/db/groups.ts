/** Groups: reading, finding, locking and writing them. */
import { sql } from 'kysely'
import type { Group, GroupListQuery } from '../../schemas/index.js'
import { checkConstraints } from './constraints.js'
import type { Database, Queryable, Transaction } from './database.js'
import {
  type Condition,
  containsWords,
  type ListSource,
  type Page,
  type PageRequest,
  readPage,
} from './list.js'
import { afterDeletion, anyOf } from './rows.js'
import { query, statement } from './statement.js'

/** A group as stored: its permissions as ids in ascending order. */
export type StoredGroup = Group

/** A whole group of the table under the alias `t`. */
const wholeGroup = sql<StoredGroup>`t.id, t.name,
  array(select permission_id from auth_group_permissions where group_id = t.id order by 1) as permissions`

/** Groups, as a list. */
export const groupSource = {
  from: sql`auth_group as t`,
  columns: wholeGroup,
  keys: {
    id: { expression: sql`t.id`, type: 'bigint', isUnique: true, of: ({ id }: StoredGroup) => id },
    name: { expression: sql`t.name`, type: 'text', isUnique: true, of: ({ name }: StoredGroup) => name },
  },
  searched: sql<string>`t.name`,
} satisfies ListSource<StoredGroup>

/** Which groups are wanted: as the parameters of the list say, with users and permissions by their ids. */
export type GroupFilter = Pick<GroupListQuery, 'name' | 'name__iexact' | 'search'> & {
  userId?: number | undefined
  permissionIds?: number[] | undefined
}

/** One page of the groups that the filter lets through. */
export const listGroups = (
  db: Database,
  filter: GroupFilter,
  page: PageRequest,
): Promise<Page<StoredGroup>> => readPage(db, groupSource, conditionsOf(filter), page)

function conditionsOf({ name, name__iexact, search, userId, permissionIds }: GroupFilter): Condition[] {
  const conditions = containsWords(groupSource.searched, search ?? '')
  if (name !== undefined) conditions.push(sql`t.name = ${name}`)
  if (name__iexact !== undefined) conditions.push(sql`upper(t.name) = upper(${name__iexact}::text)`)
  if (userId !== undefined)
    conditions.push(sql`t.id in (select group_id from auth_user_groups where user_id = ${userId}::bigint)`)
  if (permissionIds !== undefined) {
    conditions.push(
      sql`t.id in (select group_id from auth_group_permissions where permission_id = any(${permissionIds}::bigint[]))`,
    )
  }
  return conditions
}

const readStatement = statement('read_group', (id: number) =>
  query
    .selectFrom(
      sql<StoredGroup>`(select ${wholeGroup} from auth_group as t where t.id = ${id}::bigint)`.as('g'),
    )
    .selectAll(),
)

/** One group; undefined where there is none with this id. */
export async function readGroup(db: Queryable, id: number): Promise<StoredGroup | undefined> {
  const [group] = await db.run(readStatement, id)
  return group
}

const lockStatement = statement('lock_group', (id: number) =>
  query
    .selectFrom('auth_group')
    .select('id')
    .where('id', '=', sql<number>`${id}::bigint`)
    .forUpdate(),
)

/**
 * Locks a group against every other change of it, and against users who join it meanwhile. What is read of it later in the
 * transaction is what was waited for.
 */
export async function lockGroup(transaction: Transaction, id: number): Promise<void> {
  await transaction.run(lockStatement, id)
}

const factsStatement = statement(
  'group_facts',
  (id: number, name: string, permissions: number[], userId: number | null) =>
    query.selectNoFrom([
      sql<number | null>`(
        select g.id::bigint from auth_group g where g.name = ${name}::text and g.id <> ${id}::bigint limit 1
      )`.as('namesake'),
      sql<number[]>`array(
        select id::bigint from auth_permission where id = any(${permissions}::bigint[]) order by id for key share
      )`.as('existingPermissions'),
      sql<boolean>`exists (
        select from auth_user_groups where group_id = ${id}::bigint and user_id = ${userId}::bigint
      )`.as('isMember'),
    ]),
)

/** What the rules look at beside the group. */
export interface GroupFacts {
  /** Another group that has the name. */
  namesake: number | null
  /** Those of the permissions that exist; none of them can be deleted until the end of the transaction. */
  existingPermissions: number[]
  /** Whether the user is in the group. */
  isMember: boolean
}

/** @param id of the group; 0 where it does not exist yet */
export async function readGroupFacts(
  transaction: Transaction,
  wanted: { id: number; name: string; permissions: readonly number[]; userId: number | null },
): Promise<GroupFacts> {
  const { id, name, permissions, userId } = wanted
  const [facts] = await transaction.run(factsStatement, id, name, [...permissions], userId)
  return facts!
}

const insertStatement = statement('insert_group', (name: string) =>
  query.insertInto('auth_group').values({ name }).returning('id'),
)

/** @returns the id of the new group */
export async function insertGroup(transaction: Transaction, name: string): Promise<number> {
  const [group] = await transaction.run(insertStatement, name)
  return group!.id
}

const renameStatement = statement('rename_group', (id: number, name: string) =>
  query
    .updateTable('auth_group')
    .set({ name })
    .where('id', '=', sql<number>`${id}::bigint`),
)

const permissionsStatement = statement(
  'write_group_permissions',
  (id: number, taken: number[], given: number[]) =>
    query
      .with('taken', (db) =>
        db
          .deleteFrom('auth_group_permissions')
          .where('group_id', '=', sql<number>`${id}::bigint`)
          .where('permission_id', '=', anyOf(taken))
          .returning('permission_id'),
      )
      .insertInto('auth_group_permissions')
      .columns(['group_id', 'permission_id'])
      .expression(
        query
          .selectFrom(sql<{ id: number }>`unnest(${given}::bigint[])`.as<'p'>(sql`p(id)`))
          .select([sql<number>`${id}::bigint`.as('group_id'), 'p.id'])
          .where(afterDeletion('taken'))
          .orderBy('p.id'),
      )
      .onConflict((conflict) => conflict.doNothing()),
)

/** The name is written where it is given, and the permissions that differ. The group is locked. */
export function writeGroup(
  transaction: Transaction,
  id: number,
  change: { name?: string | undefined; taken: number[]; given: number[] },
): void {
  if (change.name !== undefined) transaction.send(renameStatement, id, change.name)
  if (change.taken.length + change.given.length > 0)
    transaction.send(permissionsStatement, id, change.taken, change.given)
}

const membersStatement = statement('read_members', (id: number) =>
  query
    .selectFrom('auth_user_groups')
    .select('user_id')
    .where('group_id', '=', sql<number>`${id}::bigint`)
    .orderBy('user_id')
    .limit(1_000),
)

/** Who is in a group: the first thousand of them, by id. */
export async function readMembers(transaction: Transaction, id: number): Promise<number[]> {
  const rows = await transaction.run(membersStatement, id)
  return rows.map(({ user_id }) => user_id)
}

const deleteStatement = statement('delete_group', (id: number) =>
  query
    .with('members', (db) =>
      db.deleteFrom('auth_user_groups').where('group_id', '=', sql<number>`${id}::bigint`),
    )
    .with('permissions', (db) =>
      db.deleteFrom('auth_group_permissions').where('group_id', '=', sql<number>`${id}::bigint`),
    )
    .deleteFrom('auth_group')
    .where('id', '=', sql<number>`${id}::bigint`),
)

/**
 * Deletes a group with its memberships and permissions. The group is locked.
 * @throws what PostgreSQL reports where another table refers to the group (23503, 23001)
 */
export async function deleteGroup(transaction: Transaction, id: number): Promise<void> {
  await Promise.all([transaction.run(deleteStatement, id), checkConstraints(transaction)])
}
