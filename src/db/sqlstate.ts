/** From what the database or its connection reports to the problem that is answered: one table, as PostgREST's. */
import { invalid, ProblemError, unavailable } from '../errors.js'

/** The parts of a node-postgres error that are read. Its `detail` holds a row's values, so it is never shown. */
interface DatabaseFailure extends Error {
  code?: string
  detail?: string
  constraint?: string
  table?: string
  routine?: string
}

/** Conflicts with other transactions, over once they are: serialization_failure and deadlock_detected. */
const CONFLICTS = new Set(['40001', '40P01'])

/** lock_not_available, query_canceled (statement_timeout), and time-outs of the transaction and the session. */
const TOO_SLOW = new Set(['55P03', '57014', '25P03', '25P04'])

/** What node and node-postgres report for a connection that failed, and has no SQLSTATE. */
const CONNECTION_ERRORS = new Set([
  'ECONNREFUSED',
  'ECONNRESET',
  'EPIPE',
  'ETIMEDOUT',
  'ENOTFOUND',
  'EAI_AGAIN',
  'EHOSTUNREACH',
  'ENETUNREACH',
  'ENOENT',
])
const CONNECTION_MESSAGES = [
  /^Connection terminated/,
  /timeout exceeded when trying to connect/,
  /timeout expired/,
  /^Query read timeout/,
  /not queryable/,
  /Client was closed/,
  /Cannot use a pool after calling end/,
]

/** Which field of a body a violated constraint stands for. */
const FIELD_OF_TABLE: Record<string, string> = {
  auth_user: 'username',
  auth_user_groups: 'groups',
  auth_user_user_permissions: 'user_permissions',
  auth_group: 'name',
  auth_group_permissions: 'permissions',
}

/** Other columns that a project may have made unique. */
const OWN_UNIQUE = ['email', 'first_name', 'last_name']

/** Which field has a value that is taken: the constraint's columns are in `Key (…)=(…)`, in any language. */
function takenField({ table = '', detail = '' }: DatabaseFailure): string | undefined {
  const [, columns = ''] = /\(([^=]*)\)=\(/.exec(detail) ?? []
  const own = OWN_UNIQUE.find((name) => new RegExp(`\\b${name}\\b`).test(columns))
  return (table === 'auth_user' ? own : undefined) ?? FIELD_OF_TABLE[table]
}

/** What is said of a field whose value is taken. */
const TAKEN: Record<string, string> = {
  email: 'A user with that email address already exists.',
  username: 'A user with that username already exists.',
  name: 'A group with that name already exists.',
}

const isFailure = (error: unknown): error is DatabaseFailure => error instanceof Error

/** A conflict with another transaction: running the whole transaction again may succeed. */
export const isConflict = (error: unknown): boolean => isFailure(error) && CONFLICTS.has(error.code ?? '')

/** A prepared statement that a change of the tables or a pooler made useless: a new connection prepares it anew. */
export const isStaleStatement = (error: unknown): boolean =>
  isFailure(error) &&
  (error.code === '26000' || (error.code === '0A000' && error.routine === 'RevalidateCachedQuery'))

/**
 * The server takes no changes: it is a standby, and nothing was written. To a `begin` it says so as it refuses a setting, of
 * which no other that we make is a boolean.
 */
export const isReadOnly = (error: unknown): boolean =>
  isFailure(error) &&
  (error.code === '25006' || (error.code === '0A000' && error.routine === 'call_bool_check_hook'))

/** The connection is gone, so nobody said whether the last statement took effect. */
export function isConnectionLoss(error: unknown): boolean {
  if (!isFailure(error)) return false
  const code = typeof error.code === 'string' ? error.code : ''
  if (code.startsWith('08') || code.startsWith('57P0') || CONNECTION_ERRORS.has(code)) return true
  return CONNECTION_MESSAGES.some((message) => message.test(error.message))
}

/**
 * Whether the database refused a statement for what may be one of its rows alone: a value, a constraint, a lock, a
 * conflict. A defect of ours, and a database that is not there, are everybody's.
 */
export const mayBeOneRowsFault = (error: unknown): boolean =>
  isFailure(error) && /^(?:22|23|40|55P03)/.test(error.code ?? '')

/** A unique or foreign key violation: a race that a look-up could not see. */
export const isConstraintViolation = (error: unknown): boolean =>
  isFailure(error) && (error.code === '23505' || error.code === '23503')

/** Whether another table refers to what was deleted (`restrict_violation` where it says ON DELETE RESTRICT). */
export const isReferredTo = (error: unknown): boolean =>
  isFailure(error) && (error.code === '23503' || error.code === '23001')

/** The table that a failure is about. */
export const tableOf = (error: unknown): string => (isFailure(error) && error.table) || 'unknown'

/** The problem that a failure of the database is answered with. Problems pass through. */
export function problemOf(error: unknown): ProblemError {
  if (error instanceof ProblemError) return error
  if (!isFailure(error)) return new ProblemError('internal_error', { cause: error })
  const code = error.code ?? ''
  const field = FIELD_OF_TABLE[error.table ?? '']
  if (code === '23505') {
    const taken = takenField(error)
    const detail = TAKEN[taken ?? ''] ?? 'This value is taken.'
    return invalid([{ pointer: taken ? `/${taken}` : '', code: 'unique', detail }])
  }
  if (code === '23503') {
    const detail = 'One of these was deleted meanwhile.'
    return invalid([{ pointer: field ? `/${field}` : '', code: 'does_not_exist', detail }])
  }
  if (CONFLICTS.has(code)) return unavailable('unavailable', 'Others kept changing the same rows.', error)
  if (TOO_SLOW.has(code)) return unavailable('unavailable', 'The database took too long.', error)
  if (code.startsWith('53'))
    return unavailable('unavailable', 'The database has no room for more work.', error)
  if (isConnectionLoss(error)) return unavailable('unavailable', 'The database could not be reached.', error)
  if (isReadOnly(error)) return unavailable('unavailable', 'The database takes no changes at present.', error)
  // Validation had a hole: the log gets a warning, the caller a refusal.
  if (code.startsWith('22') || code === '23502' || code === '23514') {
    return new ProblemError('invalid', {
      errors: [{ pointer: '', code: 'invalid', detail: 'The database refused a value.' }],
      cause: error,
    })
  }
  return new ProblemError('internal_error', { cause: error })
}
