/** Writing audit events. */
import { randomUUID } from 'node:crypto'
import type { EventAction } from '../../schemas/index.js'
import { enterInAdminLog } from './admin-log.js'
import { type CopiedRows, copyLine } from './copy.js'
import type { Transaction } from './database.js'
import { rowsOf } from './rows.js'
import { query, statement } from './statement.js'

/** Something that was done, or refused. Never holds a secret. */
export interface AuditEvent {
  request_id: string
  /** Null for an operator on the command line, where nobody authenticates. */
  actor_id: number | null
  actor_username: string | null
  credential: string
  action: EventAction
  outcome: 'applied' | 'refused'
  target_type: string
  /** Null for something that was not made. */
  target_id: number | null
  /** Field → [before, after], or why it was refused. */
  changes: Record<string, unknown>
}

const COLUMNS = {
  request_id: 'text',
  actor_id: 'bigint',
  actor_username: 'text',
  credential: 'text',
  action: 'text',
  outcome: 'text',
  target_type: 'text',
  target_id: 'bigint',
  changes: 'jsonb',
} as const

const NAMES = Object.keys(COLUMNS) as (keyof typeof COLUMNS)[]

/** How many arrays stand for events in a statement. */
export const EVENT_COLUMNS = NAMES.length

/** Inserts events that arrive as one array a column. */
export const insertionOf = (
  arrays: readonly unknown[][],
  queries: Pick<typeof query, 'insertInto'> = query,
) =>
  queries
    .insertInto('user_admin.audit_event')
    .columns(NAMES)
    .expression(query.selectFrom(rowsOf<AuditEvent>(COLUMNS, arrays)).select(NAMES))

const valueOf = (event: AuditEvent, column: (typeof NAMES)[number]) =>
  column === 'changes' ? JSON.stringify(event.changes) : event[column]

/** Events as one array a column. */
export const eventArrays = (events: readonly AuditEvent[]): unknown[][] =>
  NAMES.map((column) => events.map((event) => valueOf(event, column)))

/** Events as COPY takes them. */
export const copiedEvents = (events: readonly AuditEvent[]): CopiedRows => ({
  table: 'user_admin.audit_event',
  columns: NAMES,
  text: events.map((event) => copyLine(NAMES.map((column) => valueOf(event, column)))).join(''),
})

const insertStatement = statement(
  'insert_audit_events',
  (...arrays: unknown[][]) => insertionOf(arrays),
  EVENT_COLUMNS,
)

/** Records events in the transaction that does what they tell of; they travel with its commit. */
export function recordEvents(transaction: Transaction, events: readonly AuditEvent[]): void {
  transaction.send(insertStatement, ...eventArrays(events))
  transaction.leavesTrace(events)
  enterInAdminLog(transaction, events)
}

/** Something that an operator did on the command line. */
export interface OperatorEvent {
  action: 'user.create' | 'api_key.create' | 'api_key.revoke'
  targetId: number
  changes: Record<string, unknown>
}

/** Records it, in the transaction that does it. */
export async function recordOperatorEvent(transaction: Transaction, event: OperatorEvent): Promise<void> {
  const { action, targetId, changes } = event
  const [targetType = ''] = action.split('.')
  await transaction.run(
    insertStatement,
    ...eventArrays([
      {
        request_id: randomUUID(),
        actor_id: null,
        actor_username: null,
        credential: 'command_line',
        action,
        outcome: 'applied',
        target_type: targetType,
        target_id: targetId,
        changes,
      },
    ]),
  )
}
