/** Writing a group of decided changes: users, membership differences and audit events. */
import { sql } from 'kysely'
import type { Transaction } from './database.js'
import { statement, query } from './statement.js'
import type { UserColumns } from './users.js'

/** One membership: a user and a group, or a user and a permission. */
export interface Membership {
  user_id: number
  /** The group or the permission. */
  member_of: number
}

/** Something that was done, or refused. Never holds a secret. */
export interface AuditEvent {
  request_id: string
  actor_id: number
  actor_username: string
  credential: string
  action: string
  outcome: 'applied' | 'refused'
  target_type: 'user'
  target_id: number
  changes: Record<string, unknown>
}

/** Everything that a group of updates writes; each change and each refusal has an event. */
export interface UserWrites {
  users: UserColumns[]
  groupsLeft: Membership[]
  groupsJoined: Membership[]
  permissionsTaken: Membership[]
  permissionsGiven: Membership[]
  events: AuditEvent[]
}

/** The rows of a JSON array. One parameter whatever their number, so the statement keeps its shape. */
const rowsOf = <Row>(json: string, columns: string) =>
  sql<Row>`json_to_recordset(${json}::json)`.as<'d'>(sql`d(${sql.raw(columns)})`)

const USER_ROW =
  'id bigint, password text, last_login timestamptz, is_superuser boolean, username text, first_name text, ' +
  'last_name text, email text, is_staff boolean, is_active boolean, date_joined timestamptz'
const EVENT_ROW =
  'request_id text, actor_id bigint, actor_username text, credential text, action text, outcome text, ' +
  'target_type text, target_id bigint, changes jsonb'
const EVENT_COLUMNS = [
  'request_id',
  'actor_id',
  'actor_username',
  'credential',
  'action',
  'outcome',
  'target_type',
  'target_id',
  'changes',
] as const

const memberships = (json: string) =>
  query
    .selectFrom(rowsOf<Membership>(json, 'user_id bigint, member_of bigint'))
    .select(['user_id', 'member_of'])

// Columns that keep their value keep their index entries too (a heap-only update).
const writeUsersStatement = statement('write_users', (users: string, events: string) =>
  query
    .with('written', (db) =>
      db
        .updateTable('auth_user as u')
        .from(rowsOf<UserColumns>(users, USER_ROW))
        .set(({ ref }) => ({
          password: ref('d.password'),
          last_login: ref('d.last_login'),
          is_superuser: ref('d.is_superuser'),
          username: ref('d.username'),
          first_name: ref('d.first_name'),
          last_name: ref('d.last_name'),
          email: ref('d.email'),
          is_staff: ref('d.is_staff'),
          is_active: ref('d.is_active'),
          date_joined: ref('d.date_joined'),
        }))
        .whereRef('u.id', '=', 'd.id'),
    )
    .insertInto('user_admin.audit_event')
    .columns(EVENT_COLUMNS)
    .expression(query.selectFrom(rowsOf<AuditEvent>(events, EVENT_ROW)).select(EVENT_COLUMNS)),
)

// All parts share one snapshot; that is sound, since the users' rows are locked and their sets were read under the
// lock. ON CONFLICT: Django adds memberships without locking the user; what it added meanwhile is there already.
const writeMembershipsStatement = statement(
  'write_memberships',
  (groupsLeft: string, groupsJoined: string, taken: string, given: string) =>
    query
      .with('left_groups', (db) =>
        db
          .deleteFrom('auth_user_groups')
          .where(({ eb, refTuple }) =>
            eb(
              refTuple('user_id', 'group_id'),
              'in',
              memberships(groupsLeft).$asTuple('user_id', 'member_of'),
            ),
          ),
      )
      .with('joined_groups', (db) =>
        db
          .insertInto('auth_user_groups')
          .columns(['user_id', 'group_id'])
          .expression(memberships(groupsJoined).orderBy('user_id').orderBy('member_of'))
          .onConflict((conflict) => conflict.doNothing()),
      )
      .with('taken_permissions', (db) =>
        db
          .deleteFrom('auth_user_user_permissions')
          .where(({ eb, refTuple }) =>
            eb(
              refTuple('user_id', 'permission_id'),
              'in',
              memberships(taken).$asTuple('user_id', 'member_of'),
            ),
          ),
      )
      .with('given_permissions', (db) =>
        db
          .insertInto('auth_user_user_permissions')
          .columns(['user_id', 'permission_id'])
          .expression(memberships(given).orderBy('user_id').orderBy('member_of'))
          .onConflict((conflict) => conflict.doNothing()),
      )
      .selectNoFrom(sql<number>`1`.as('done')),
)

/** Writes all of it, or (with the transaction) nothing. The users' rows are locked by the caller. */
export function writeUsers(transaction: Transaction, writes: UserWrites): void {
  const { users, events, ...sets } = writes
  if (events.length === 0) return
  transaction.send(writeUsersStatement, JSON.stringify(users), JSON.stringify(events))
  if (Object.values(sets).every((memberships) => memberships.length === 0)) return
  transaction.send(
    writeMembershipsStatement,
    JSON.stringify(sets.groupsLeft),
    JSON.stringify(sets.groupsJoined),
    JSON.stringify(sets.permissionsTaken),
    JSON.stringify(sets.permissionsGiven),
  )
}
