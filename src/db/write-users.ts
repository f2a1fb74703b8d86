/** Writing a group of decided changes: users, membership differences and audit events. */
import { sql } from 'kysely'
import { enterInAdminLog } from './admin-log.js'
import type { Transaction } from './database.js'
import { type AuditEvent, EVENT_COLUMNS, eventArrays, insertionOf } from './audit.js'
import { afterDeletion, anyOf, rowsOf } from './rows.js'
import { query, statement } from './statement.js'
import type { UserColumns } from './users.js'

/** The columns of one user that change. */
export type UserChange = Partial<Omit<UserColumns, 'id'>>

/** One membership: a user and a group, or a user and a permission. */
export interface Membership {
  user_id: number
  /** The group or the permission. */
  member_of: number
}

/** Everything that a group of updates writes; each change and each refusal has an event. */
export interface UserWrites {
  /** By the ids of the users. */
  users: Map<number, UserChange>
  groupsLeft: Membership[]
  groupsJoined: Membership[]
  permissionsTaken: Membership[]
  permissionsGiven: Membership[]
  events: AuditEvent[]
}

/** Null: the column stays as it is. Only one of them may become null, so that one says it beside. */
const CHANGE = {
  id: 'bigint',
  password: 'text',
  is_superuser: 'boolean',
  username: 'text',
  first_name: 'text',
  last_name: 'text',
  email: 'text',
  is_staff: 'boolean',
  is_active: 'boolean',
  date_joined: 'timestamptz',
  last_login: 'timestamptz',
  sets_last_login: 'boolean',
} as const

const CHANGE_COLUMNS = Object.keys(CHANGE) as (keyof typeof CHANGE)[]
const CHANGED_COLUMNS = CHANGE_COLUMNS.filter((column) => column !== 'id' && column !== 'sets_last_login')

type ChangeRow = Record<keyof typeof CHANGE, never>

/** The change where there is one: a column that keeps its value keeps its index entry too (a heap-only update). */
const changed = (column: string) =>
  column === 'last_login'
    ? sql<never>`case when d.sets_last_login then d.last_login else u.last_login end`
    : sql<never>`coalesce(${sql.ref(`d.${column}`)}, ${sql.ref(`u.${column}`)})`

const writeUsersStatement = statement(
  'write_users',
  (...arrays: unknown[][]) =>
    insertionOf(
      arrays.slice(CHANGE_COLUMNS.length),
      query.with('written', (db) =>
        db
          .updateTable('auth_user as u')
          .from(rowsOf<ChangeRow>(CHANGE, arrays))
          .set(Object.fromEntries(CHANGED_COLUMNS.map((column) => [column, changed(column)])))
          .whereRef('u.id', '=', 'd.id')
          // The same once more, so that the users are found by their keys and not joined to all that there are.
          .where('u.id', '=', anyOf(arrays[0]!)),
      ),
    ),
  CHANGE_COLUMNS.length + EVENT_COLUMNS,
)

const MEMBERSHIP = { user_id: 'bigint', member_of: 'bigint' }

const memberships = (arrays: unknown[][]) =>
  query.selectFrom(rowsOf<Membership>(MEMBERSHIP, arrays)).select(['user_id', 'member_of'])

// All parts share one snapshot; that is sound, since the users' rows are locked and their sets were read under the
// lock. ON CONFLICT: Django adds memberships without locking the user; what it added meanwhile is there already.
const writeMembershipsStatement = statement(
  'write_memberships',
  (...arrays: unknown[][]) => {
    const [left, joined, taken, given] = [0, 2, 4, 6].map((at) => arrays.slice(at, at + 2))
    return query
      .with('left_groups', (db) =>
        db
          .deleteFrom('auth_user_groups')
          .where('user_id', '=', anyOf(left![0]!))
          .where(({ eb, refTuple }) =>
            eb(refTuple('user_id', 'group_id'), 'in', memberships(left!).$asTuple('user_id', 'member_of')),
          )
          .returning('user_id'),
      )
      .with('joined_groups', (db) =>
        db
          .insertInto('auth_user_groups')
          .columns(['user_id', 'group_id'])
          .expression(
            memberships(joined!).where(afterDeletion('left_groups')).orderBy('user_id').orderBy('member_of'),
          )
          .onConflict((conflict) => conflict.doNothing()),
      )
      .with('taken_permissions', (db) =>
        db
          .deleteFrom('auth_user_user_permissions')
          .where('user_id', '=', anyOf(taken![0]!))
          .where(({ eb, refTuple }) =>
            eb(
              refTuple('user_id', 'permission_id'),
              'in',
              memberships(taken!).$asTuple('user_id', 'member_of'),
            ),
          )
          .returning('user_id'),
      )
      .with('given_permissions', (db) =>
        db
          .insertInto('auth_user_user_permissions')
          .columns(['user_id', 'permission_id'])
          .expression(
            memberships(given!)
              .where(afterDeletion('taken_permissions'))
              .orderBy('user_id')
              .orderBy('member_of'),
          )
          .onConflict((conflict) => conflict.doNothing()),
      )
      .selectNoFrom(sql<number>`1`.as('done'))
  },
  8,
)

/** Writes all of it, or (with the transaction) nothing. The users' rows are locked by the caller. */
export function writeUsers(transaction: Transaction, writes: UserWrites): void {
  const { users, events, ...sets } = writes
  if (events.length === 0) return
  transaction.send(writeUsersStatement, ...changeArrays(users), ...eventArrays(events))
  transaction.leavesTrace(events)
  enterInAdminLog(transaction, events)
  const differences = [sets.groupsLeft, sets.groupsJoined, sets.permissionsTaken, sets.permissionsGiven]
  if (differences.every((difference) => difference.length === 0)) return
  transaction.send(writeMembershipsStatement, ...differences.flatMap(membershipArrays))
}

/** A column that nobody changes is an empty array: `unnest` fills it up with nulls. */
function changeArrays(users: ReadonlyMap<number, UserChange>): unknown[][] {
  const changes = [...users.values()]
  return CHANGE_COLUMNS.map((column) => {
    if (column === 'id') return [...users.keys()]
    if (column === 'sets_last_login') return changes.map((change) => 'last_login' in change)
    return changes.some((change) => column in change) ? changes.map((change) => change[column] ?? null) : []
  })
}

const membershipArrays = (rows: readonly Membership[]): unknown[][] => [
  rows.map(({ user_id }) => user_id),
  rows.map(({ member_of }) => member_of),
]
