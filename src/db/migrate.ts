import pg from 'pg'
import { SetupError } from '../errors.js'
import { DatabaseTooNewError, MigrationError, PendingMigrationsError } from './migration-errors.js'
import { migrations, type Migration, type MigrationContext } from './migrations/index.js'
import { Names } from './names.js'
import { makeClient } from './servers.js'

export interface MigrateOptions {
  /** Told of every step, in a sentence. */
  log?: (message: string) => void
  /** What the project calls its tables. Default: as Django does. */
  names?: Names
}

// A constant for ever: processes of different versions must meet at the same lock.
const LOCK = '7022365713861471075'

// Not `to_regclass`: right after a wait for the lock it answers from a cache that lacks what the other process
// committed. Opening a catalog brings the cache up to date, also for the look-ups that follow.
const RECORD = `select from pg_class c join pg_namespace n on n.oid = c.relnamespace
  where n.nspname = 'user_admin' and c.relname = 'migration'`

const CONNECT_TIMEOUT_MS = 10_000

/**
 * Brings the database up to this version, all or nothing, on a connection of its own.
 *
 * Any number of processes may call it at once. When nothing is pending it only reads, so a role that may
 * not create tables can start; it needs USAGE on the schema `user_admin` and SELECT on its `migration`.
 *
 * @returns the names of the migrations that this call applied
 * @throws DatabaseTooNewError where a newer version has migrated the database
 * @throws PartialSchemaError where some but not all of Django's tables exist
 */
export async function migrate(
  connectionString: string,
  options: MigrateOptions = {},
): Promise<{ applied: string[] }> {
  return withClient(connectionString, async (client) => {
    if ((await readPending(client)).length === 0) return { applied: [] }
    const steps: string[] = []
    const context: MigrationContext = {
      log: (step) => void steps.push(step),
      names: options.names ?? new Names(),
    }
    const applied = await inLockedTransaction(client, () => applyPending(client, context))
    // Said only now: until the commit nothing has happened.
    for (const step of steps) options.log?.(step)
    return { applied }
  })
}

/**
 * The names of the migrations that `migrate` would apply. Only reads.
 *
 * @throws DatabaseTooNewError where a newer version has migrated the database
 */
export async function pendingMigrations(connectionString: string): Promise<string[]> {
  const pending = await withClient(connectionString, readPending)
  return pending.map((migration) => migration.name)
}

/**
 * For services with migration at start turned off.
 *
 * @throws PendingMigrationsError where `migrate` would have something to do
 * @throws DatabaseTooNewError where a newer version has migrated the database
 */
export async function assertMigrated(connectionString: string): Promise<void> {
  const pending = await pendingMigrations(connectionString)
  if (pending.length > 0) throw new PendingMigrationsError(pending)
}

async function withClient<T>(connectionString: string, use: (client: pg.Client) => Promise<T>): Promise<T> {
  const client = makeClient({
    connectionString,
    connectionTimeoutMillis: CONNECT_TIMEOUT_MS,
    application_name: 'fastify-user-admin migrate',
  })
  // Without a listener a connection that dies between two queries ends the process.
  client.on('error', () => {})
  try {
    await client.connect()
    return await use(client)
  } finally {
    await client.end().catch(() => {})
  }
}

async function readPending(client: pg.Client): Promise<Migration[]> {
  const applied = await readApplied(client)
  const known = new Set(migrations.map((migration) => migration.name))
  const unknown = applied.filter((name) => !known.has(name))
  if (unknown.length > 0) throw new DatabaseTooNewError(unknown)
  return migrations.filter((migration) => !applied.includes(migration.name))
}

async function readApplied(client: pg.Client): Promise<string[]> {
  try {
    const { rows } = await client.query(RECORD)
    if (rows.length === 0) return []
    const record = await client.query<{ name: string }>('select name from user_admin.migration order by name')
    return record.rows.map((row) => row.name)
  } catch (error) {
    throw isPermissionDenied(error) ? unreadableRecord(error) : error
  }
}

function isPermissionDenied(error: unknown): boolean {
  return error instanceof pg.DatabaseError && error.code === '42501'
}

function unreadableRecord(cause: unknown): SetupError {
  return new SetupError(
    `This database role can't read which migrations were applied (${messageOf(cause)}). Grant it ` +
      'USAGE on schema user_admin, SELECT on user_admin.migration, and what it needs of the other tables.',
    { cause },
  )
}

async function inLockedTransaction<T>(client: pg.Client, work: () => Promise<T>): Promise<T> {
  // READ COMMITTED whatever the role's default: what was waited for must be seen.
  await client.query('begin isolation level read committed read write')
  try {
    // A role's short time-outs are for requests; the wait for other processes needs one of its own.
    await client.query("set local statement_timeout = 0; set local lock_timeout = '2min'")
    await client.query(`select pg_advisory_xact_lock(${LOCK})`)
    const result = await work()
    await client.query('commit')
    return result
  } catch (error) {
    await client.query('rollback').catch(() => {})
    throw error
  }
}

async function applyPending(client: pg.Client, context: MigrationContext): Promise<string[]> {
  // Read again under the lock: another process may have done it all meanwhile.
  const pending = await readPending(client)
  for (const migration of pending) await applyOne(client, migration, context)
  return pending.map((migration) => migration.name)
}

async function applyOne(client: pg.Client, migration: Migration, context: MigrationContext): Promise<void> {
  try {
    await ensureRecord(client)
    await migration.up(client, context)
    await client.query('insert into user_admin.migration (name) values ($1)', [migration.name])
  } catch (error) {
    throw error instanceof pg.DatabaseError ? new MigrationError(migration.name, error) : error
  }
  context.log(`applied migration ${migration.name}`)
}

async function ensureRecord(client: pg.Client): Promise<void> {
  // IF NOT EXISTS asks for the right to create schemas even where an administrator has made this one.
  const { rows } = await client.query("select to_regnamespace('user_admin') is not null as found")
  if (!rows[0].found) await client.query('create schema user_admin')
  await client.query(`create table if not exists user_admin.migration (
    name text primary key,
    applied_at timestamptz not null default now()
  )`)
}

function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error)
}
