/** What a failure of PostgreSQL, or of the way to it, means to the operator. */
import pg from 'pg'
import { type Config, describeConfig } from '../config.js'
import { isConnectionLoss } from '../db/sqlstate.js'
import { CommandError, isExpected } from './failure.js'

const CREDENTIALS = 'Check the user and the password in DATABASE_URL, and pg_hba.conf of the server.'
const TOO_SLOW = 'Find out what keeps it busy or holds a lock, and try again.'
const TLS = 'Check sslmode and sslrootcert in DATABASE_URL.'
const UNREACHABLE = 'Check that PostgreSQL runs there and takes connections, and that DATABASE_URL names it.'

/** By SQLSTATE, what to do. */
const ADVICE: Record<string, string> = {
  '28000': CREDENTIALS,
  '28P01': CREDENTIALS,
  '3D000': 'Create that database, or correct its name in DATABASE_URL.',
  '42501': 'Grant the role in DATABASE_URL what it lacks, or use another role.',
  '25006': 'It is a replica, or set to read only: let DATABASE_URL name the primary.',
  '53100': 'Free some room on the disk of the server.',
  '53300': 'Lower POOL_SIZE of the services on it, or raise max_connections of the server.',
  '55P03': TOO_SLOW,
  '57014': TOO_SLOW,
}

/** What node reports where a certificate or the want of one is in the way. */
const TLS_FAILURE = /CERT|SIGNATURE|^ERR_SSL|^ERR_TLS|EPROTO/

/**
 * @returns an error that tells the operator what to do, without any password; errors that are no failures of the
 *   database, or that nobody expects, are returned as they are
 */
export function explainDatabase(error: unknown, config: Config): unknown {
  const advice = error instanceof Error && !isExpected(error) ? adviceFor(error) : undefined
  if (advice === undefined) return error
  const where =
    config.DATABASE_URL === undefined
      ? `The embedded PostgreSQL in ${config.DATA_DIR}`
      : `The database ${describeConfig(config).DATABASE_URL}`
  return new CommandError(`${where} can't be used: ${reasonOf(error as Error)}. ${advice}`, { cause: error })
}

function adviceFor(error: NodeJS.ErrnoException): string | undefined {
  const { code = '', syscall } = error
  if (error instanceof pg.DatabaseError)
    return ADVICE[code] ?? (isConnectionLoss(error) ? 'Try again.' : undefined)
  if (error.message.startsWith('SASL')) return CREDENTIALS
  if (TLS_FAILURE.test(code) || /does not support SSL|SSL connection/.test(error.message)) return TLS
  // The files that a URL may name: of certificates and keys.
  if (syscall === 'open') return TLS
  return syscall === 'connect' || isConnectionLoss(error) ? UNREACHABLE : undefined
}

/** A name that stands for several addresses fails once for each of them, and says so in no message of its own. */
function reasonOf(error: Error): string {
  const reasons =
    error instanceof AggregateError ? error.errors.map((inner: Error) => inner.message) : [error.message]
  return reasons.join(', ').replace(/\.$/, '')
}
