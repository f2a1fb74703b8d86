/** Ending the credentials of users: API keys, and tokens of Django REST Framework. */
import { sql } from 'kysely'
import type { Revocable } from '../../schemas/index.js'
import type { AuditEvent } from './audit.js'
import type { Queryable, Transaction } from './database.js'
import { anyOf, rowsOf } from './rows.js'
import { query, statement } from './statement.js'

/** What ends, and who ended it. */
export interface Revocation {
  userId: number
  what: readonly Revocable[]
  requestId: string
  actor: Pick<AuditEvent, 'actor_id' | 'actor_username' | 'credential'>
}

const COLUMNS = {
  user_id: 'bigint',
  request_id: 'text',
  actor_id: 'bigint',
  actor_username: 'text',
  credential: 'text',
} as const

type Row = { user_id: number } & Pick<AuditEvent, 'request_id' | 'actor_id' | 'actor_username' | 'credential'>

/** An event for each row of `ended`, from whoever ended it. */
const eventsOf = (action: 'api_key.revoke' | 'token.revoke', arrays: readonly unknown[][]) =>
  query
    .selectFrom(sql<{ user_id: number; target_id: number }>`ended`.as('e'))
    .innerJoin(rowsOf<Row>(COLUMNS, arrays), 'd.user_id', 'e.user_id')
    .select([
      'd.request_id',
      'd.actor_id',
      'd.actor_username',
      'd.credential',
      sql<string>`${sql.lit(action)}`.as('action'),
      sql<'applied'>`'applied'`.as('outcome'),
      sql<string>`${sql.lit(action.split('.')[0])}`.as('target_type'),
      'e.target_id',
      sql<string>`jsonb_build_object('user', jsonb_build_array(e.user_id, null))`.as('changes'),
    ])

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

/** What has ended already does not end again. */
const isLive = sql<boolean>`revoked_at is null and (expires_at is null or expires_at > now())`

const revokeKeysStatement = statement(
  'revoke_api_keys',
  (...arrays: unknown[][]) =>
    query
      .with('ended', (db) =>
        db
          .updateTable('user_admin.api_key')
          .set({ revoked_at: sql<string>`now()` })
          .where('user_id', '=', anyOf(arrays[0]!))
          .where(isLive)
          .returning(['user_id', 'id as target_id']),
      )
      .insertInto('user_admin.audit_event')
      .columns(EVENT_COLUMNS)
      .expression(eventsOf('api_key.revoke', arrays)),
  Object.keys(COLUMNS).length,
)

const deleteTokensStatement = statement(
  'revoke_tokens',
  (...arrays: unknown[][]) =>
    query
      .with('ended', (db) =>
        db
          .deleteFrom('authtoken_token')
          .where('user_id', '=', anyOf(arrays[0]!))
          .returning(['user_id', 'user_id as target_id']),
      )
      .insertInto('user_admin.audit_event')
      .columns(EVENT_COLUMNS)
      .expression(eventsOf('token.revoke', arrays)),
  Object.keys(COLUMNS).length,
)

const STATEMENTS = { keys: revokeKeysStatement, tokens: deleteTokensStatement } as const

/** Ends them with the transaction, and records each that ended. The users' rows are locked. */
export function revokeCredentials(transaction: Transaction, revocations: readonly Revocation[]): void {
  for (const kind of ['keys', 'tokens'] as const) {
    const of = revocations.filter(({ what }) => what.includes(kind))
    if (of.length > 0) transaction.send(STATEMENTS[kind], ...arraysOf(of))
  }
}

const arraysOf = (revocations: readonly Revocation[]): unknown[][] => [
  revocations.map(({ userId }) => userId),
  revocations.map(({ requestId }) => requestId),
  revocations.map(({ actor }) => actor.actor_id),
  revocations.map(({ actor }) => actor.actor_username),
  revocations.map(({ actor }) => actor.credential),
]

const countKeysStatement = statement('count_live_api_keys', (userId: number) =>
  query
    .selectFrom('user_admin.api_key')
    .select(sql<number>`count(*)`.as('count'))
    .where('user_id', '=', sql<number>`${userId}::bigint`)
    .where(isLive),
)

const countTokensStatement = statement('count_tokens', (userId: number) =>
  query
    .selectFrom('authtoken_token')
    .select(sql<number>`count(*)`.as('count'))
    .where('user_id', '=', sql<number>`${userId}::bigint`),
)

const COUNTS = { keys: countKeysStatement, tokens: countTokensStatement } as const

/** How many of them the user has that have not ended. */
export async function countCredentials(db: Queryable, kind: Revocable, userId: number): Promise<number> {
  const [row] = await db.run(COUNTS[kind], userId)
  return row!.count
}
