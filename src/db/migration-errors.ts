/** Why the tables of a database can't be brought up to date. */
import { SetupError } from '../errors.js'

/** The database holds a migration that this version does not know. */
export class DatabaseTooNewError extends SetupError {
  override readonly name = 'DatabaseTooNewError'

  constructor(readonly unknown: readonly string[]) {
    super(
      'The database was migrated by a newer version of fastify-user-admin ' +
        `(unknown here: ${unknown.join(', ')}). Start that version or a later one, or restore a backup.`,
    )
  }
}

/** Migrations are pending, and this process was told not to run them. */
export class PendingMigrationsError extends SetupError {
  override readonly name = 'PendingMigrationsError'

  constructor(readonly pending: readonly string[]) {
    super(
      `The database lacks ${pending.join(', ')}. Run the migrations with a role that may create tables, ` +
        'or turn migration at start on.',
    )
  }
}

/** A migration failed; the transaction around all of them was rolled back. */
export class MigrationError extends SetupError {
  override readonly name = 'MigrationError'

  constructor(
    readonly migration: string,
    cause: unknown,
  ) {
    super(
      `Migration ${migration} failed, and nothing was changed: ${cause instanceof Error ? cause.message : String(cause)}`,
      { cause },
    )
  }
}

/** Some, but not all, of Django's tables exist: neither a database to adopt nor one to fill. */
export class PartialSchemaError extends SetupError {
  override readonly name = 'PartialSchemaError'

  constructor(
    readonly existing: readonly string[],
    readonly missing: readonly string[],
  ) {
    super(
      `The database has some of Django's tables (${existing.join(', ')}) but lacks ${missing.join(', ')}. ` +
        'Run "manage.py migrate" of the Django project first, or check the search_path of this connection, and ' +
        'AUTH_USER_MODEL. Nothing was changed.',
    )
  }
}
