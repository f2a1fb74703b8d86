/** Gives a command the database: that of DATABASE_URL, or the embedded one, whether a service runs on it or not. */
import { setTimeout as sleep } from 'node:timers/promises'
import { type Config, naming } from '../config.js'
import { Database, openPool } from '../db/database.js'
import {
  attachEmbeddedPostgres,
  EmbeddedPostgresError,
  startEmbeddedPostgres,
} from '../db/embedded-postgres.js'
import { inspectSchema, type LiveSchema } from '../db/live-schema.js'
import { assertMigrated, migrate } from '../db/migrate.js'
import { Names } from '../db/names.js'
import { isConnectionLoss } from '../db/sqlstate.js'
import { explainDatabase } from './database-failure.js'
import { note } from './output.js'
import { holdSignals } from './signals.js'

/** Milliseconds that one statement of a command may take. */
const TIMEOUT_MS = 30_000

/** How often an embedded server that comes and goes under others is asked for. */
const ATTEMPTS = 4
const RETRY_MS = 250

/** The width of `first_name` in Django: where the column is no wider, nobody's name needs to be looked at. */
const WIDEST_FIRST_NAME = 150

/**
 * Does `work` on tables that are up to date.
 * @param connections that it may have at once
 */
export function withDatabase<T>(
  config: Config,
  work: (database: Database, schema: LiveSchema) => Promise<T>,
  connections = 1,
): Promise<T> {
  return withServer(config, async (url) => {
    const isOurs = config.DATABASE_URL === undefined
    const names = new Names(naming(config))
    if (isOurs || config.MIGRATE) await migrate(url, { log: note, names })
    else await assertMigrated(url)
    const onTables = async (database: Database) =>
      work(database, await inspectSchema(database.pool, { firstNameLimit: WIDEST_FIRST_NAME, names }))
    return withPool(url, names, onTables, connections)
  })
}

/** Does `work` on the server, whatever its tables are like. */
export async function withServer<T>(config: Config, work: (url: string) => Promise<T>): Promise<T> {
  try {
    if (config.DATABASE_URL !== undefined) return await work(config.DATABASE_URL)
    return await withEmbedded(config.DATA_DIR, work)
  } catch (error) {
    throw explainDatabase(error, config)
  }
}

/** Does `work` over one connection, or some. No prepared statements: they are of no use here, and poolers may lack them. */
export async function withPool<T>(
  url: string,
  names: Names,
  work: (database: Database) => Promise<T>,
  connections = 1,
): Promise<T> {
  const pool = openPool(url, { max: connections, timeoutMs: TIMEOUT_MS })
  try {
    return await work(new Database(pool, { timeoutMs: TIMEOUT_MS, prepared: false, names }))
  } finally {
    await pool.end()
  }
}

async function withEmbedded<T>(dataDir: string, work: (url: string) => Promise<T>): Promise<T> {
  // A server that we start is no part of our process group, and would outlive a Ctrl-C.
  const release = holdSignals()
  try {
    const { url, stop } = await attachOrStart(dataDir)
    return await work(url).finally(stop)
  } finally {
    release()
  }
}

async function attachOrStart(dataDir: string): Promise<{ url: string; stop?: () => Promise<void> }> {
  for (let attempt = 1; ; attempt++) {
    const url = await attachEmbeddedPostgres(dataDir)
    if (url !== undefined) return { url }
    try {
      return await startEmbeddedPostgres({ dataDir, log: note })
    } catch (error) {
      if (attempt === ATTEMPTS || !isCrossed(error)) throw error
      await sleep(RETRY_MS)
    }
  }
}

/** Another process was faster by a moment: a service that starts, or a command that has just stopped the server. */
const isCrossed = (error: unknown): boolean =>
  error instanceof EmbeddedPostgresError && (error.code === 'in-use' || isConnectionLoss(error.cause))
