/** A migrated database that is gone afterwards. */
import { beginCopiedCluster } from './throwaway/copied-cluster.js'
import { createServerDatabase } from './throwaway/server-database.js'

export interface ThrowawayDatabase {
  url: string
  /** Drops it. End the connections to it first. */
  close(): Promise<void>
}

/** A database that others are making: our process has time for something else. */
export interface BegunDatabase {
  /** @throws EmbeddedPostgresError, or what the database reports */
  opened: Promise<ThrowawayDatabase>
}

/**
 * Begins to open a database with Django's tables and ours, and nobody in it.
 * @param server the URL of any database on a server, whose role may create databases; without one, a PostgreSQL is run
 *   in a temporary folder. That one ends with our process, however it ends; what is left on a server, the next call drops.
 * @throws EmbeddedPostgresError, or what the database reports
 */
export async function beginThrowawayDatabase(server: string | undefined): Promise<BegunDatabase> {
  const begun: BegunDatabase =
    server === undefined ? await beginCopiedCluster() : { opened: createServerDatabase(server) }
  // Whoever waits for it may come later.
  begun.opened.catch(() => {})
  return begun
}
