/** What is recorded of what somebody does. */
import type { EventAction } from '../../schemas/index.js'
import type { AuditEvent } from '../db/audit.js'
import type { Actor } from './actor.js'

/** What an event is about. */
export interface Deed {
  actor: Actor
  requestId: string
  action: EventAction
  /** Null for something that was not made. */
  targetId: number | null
}

/** Something that is done: the fields that change, each with its value before and after, as anyone may see them. */
export const applied = <Field extends string>(
  deed: Deed,
  changed: readonly Field[],
  before: (field: Field) => unknown,
  after: (field: Field) => unknown,
): AuditEvent => {
  const changes: Record<string, unknown> = {}
  for (const field of changed) changes[field] = [before(field), after(field)]
  return eventOf(deed, 'applied', changes)
}

/** Something that is refused since it concerns privileges. Mistyped requests are not recorded. */
export const refused = (deed: Deed, reason: Record<string, unknown>): AuditEvent =>
  eventOf(deed, 'refused', reason)

/** Who did it, as events have it. */
export const actorColumns = ({ id, username, credential }: Actor) => ({
  actor_id: id,
  actor_username: username,
  credential,
})

const eventOf = (
  { actor, requestId, action, targetId }: Deed,
  outcome: AuditEvent['outcome'],
  changes: Record<string, unknown>,
): AuditEvent => ({
  request_id: requestId,
  ...actorColumns(actor),
  action,
  outcome,
  target_type: action.split('.')[0]!,
  target_id: targetId,
  changes,
})
