/** From whatever went wrong to what is said on standard error. */
import { ConfigError } from '../config.js'
import { EmbeddedPostgresError } from '../db/embedded-postgres.js'
import { UnservableSchemaError } from '../db/live-schema.js'
import { DatabaseTooNewError, MigrationError, PartialSchemaError } from '../db/migrate.js'
import { PendingMigrationsError } from '../db/migrate.js'
import { SetupError } from '../errors.js'
import { FixtureError } from '../mock/fixtures.js'
import { COMMAND } from './names.js'

/** A failure whose message says all that there is to say: what is wrong, and what to do. */
export class CommandError extends Error {
  override readonly name = 'CommandError'
}

/** Failures that happen in good order: their messages are written for operators. */
const EXPECTED = [
  CommandError,
  DatabaseTooNewError,
  EmbeddedPostgresError,
  FixtureError,
  MigrationError,
  PartialSchemaError,
  SetupError,
  UnservableSchemaError,
]

/** Whether the message of an error is for operators as it is. */
export const isExpected = (error: unknown): error is Error => EXPECTED.some((type) => error instanceof type)

/** A failure in words for the operator; with its stack where nobody expected it. */
export function explain(error: unknown): string {
  if (error instanceof ConfigError) {
    return `These settings can't be used:\n${error.message.replaceAll(/^/gm, '  ')}`
  }
  if (error instanceof PendingMigrationsError) {
    return `${error.message} Either: ${COMMAND} migrate, or MIGRATE=on.`
  }
  if (isExpected(error)) return error.message
  // Not the error as Node.js prints it: members of it may hold a URL with its password, or values of rows.
  return `This was not expected. ${error instanceof Error ? (error.stack ?? error.message) : String(error)}`
}
