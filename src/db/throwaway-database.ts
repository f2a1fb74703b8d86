/** A migrated database that is gone afterwards. */
import { startCopiedCluster } from './throwaway/copied-cluster.js'
import { createServerDatabase } from './throwaway/server-database.js'

export interface ThrowawayDatabase {
  url: string
  /** Drops it. End the connections to it first. */
  close(): Promise<void>
}

/**
 * Opens a database with Django's tables and ours, and nobody in it.
 * @param server the URL of any database on a server, whose role may create databases; without one, a PostgreSQL is run
 *   in a temporary folder. That one ends with our process, however it ends; what is left on a server, the next call drops.
 * @param log told of what somebody may want to know, in a sentence
 * @throws EmbeddedPostgresError, or what the database reports
 */
export const openThrowawayDatabase = (
  server: string | undefined,
  log: (message: string) => void = () => {},
): Promise<ThrowawayDatabase> =>
  server === undefined ? startCopiedCluster(log) : createServerDatabase(server)
