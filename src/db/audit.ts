/** Audit events of what is done outside of the API, where nobody authenticates. */
import { randomUUID } from 'node:crypto'
import type { Transaction } from './database.js'
import { query, statement } from './statement.js'

/** Something that an operator did on the command line. Never holds a secret. */
export interface OperatorEvent {
  action: 'user.create' | 'api_key.create' | 'api_key.revoke'
  targetId: number
  /** Field → [before, after]. */
  changes: Record<string, unknown>
}

const insertStatement = statement(
  'insert_operator_event',
  (requestId: string, action: string, targetType: string, targetId: number, changes: string) =>
    query.insertInto('user_admin.audit_event').values({
      request_id: requestId,
      actor_id: null,
      actor_username: null,
      credential: 'command_line',
      action,
      outcome: 'applied',
      target_type: targetType,
      target_id: targetId,
      changes,
    }),
)

/** Records it, in the transaction that does it. */
export async function recordOperatorEvent(transaction: Transaction, event: OperatorEvent): Promise<void> {
  const { action, targetId, changes } = event
  const [targetType = ''] = action.split('.')
  await transaction.run(insertStatement, randomUUID(), action, targetType, targetId, JSON.stringify(changes))
}
