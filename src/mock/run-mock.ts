/** From a database to a service with fixtures. */
import type { Config } from '../config.js'
import { Database, openPool } from '../db/database.js'
import type { ThrowawayDatabase } from '../db/throwaway-database.js'
import { buildServer } from '../server.js'
import { type FixtureName, type Fixtures, readFixtures } from './fixtures.js'
import { type Loaded, loadFixtures } from './load.js'

/** A service that runs. Users, groups and keys go by the names that the fixtures give them. */
export interface Mock<User extends string = string, Group extends string = string> extends AsyncDisposable {
  /** Where it listens, such as `http://127.0.0.1:40123`: the API stands below `/admin`. */
  readonly url: string
  /** An API key of each user, the same every time. They open nothing but a mock. */
  readonly keys: Readonly<Record<User, string>>
  readonly users: Readonly<Record<User, { id: number; username: string }>>
  readonly groups: Readonly<Record<Group, { id: number; name: string }>>
  /**
   * Puts the fixtures back, or others in their place. Requests that are under way are waited for. `keys`, `users` and `groups` are
   * those of the new ones.
   */
  reset(fixtures?: FixtureName | Fixtures): Promise<void>
  /** Ends the service, and removes its database. May be called twice. */
  close(): Promise<void>
}

const DATABASE = { timeoutMs: 10_000, prepared: false }

/** @throws what `startMock` does; the database is closed then. */
export async function runMock(config: Config, opened: ThrowawayDatabase, fixtures: Fixtures): Promise<Mock> {
  const closing = [opened.close]
  try {
    const pool = openPool(opened.url, { max: 1, timeoutMs: DATABASE.timeoutMs })
    closing.push(() => pool.end())
    const database = new Database(pool, DATABASE)
    const loaded = await loadFixtures(database, fixtures)
    const service = await buildServer(config, opened.url)
    closing.push(() => {
      // Nobody waits for what is thrown away.
      service.app.server.closeAllConnections()
      return service.close()
    })
    const url = await service.listen()
    return running(url, fixtures, loaded, database, () => closeAll(closing))
  } catch (error) {
    await closeAll(closing)
    throw error
  }
}

function running(
  url: string,
  original: Fixtures,
  loaded: Loaded,
  database: Database,
  end: () => Promise<void>,
): Mock {
  let closed: Promise<void> | undefined
  const close = () => (closed ??= end())
  return {
    url,
    get keys() {
      return loaded.keys
    },
    get users() {
      return loaded.users
    },
    get groups() {
      return loaded.groups
    },
    async reset(fixtures) {
      loaded = await loadFixtures(database, fixtures === undefined ? original : readFixtures(fixtures))
    },
    close,
    [Symbol.asyncDispose]: close,
  }
}

/** In the opposite order, each also where another one fails. */
async function closeAll(closing: (() => Promise<void>)[]): Promise<void> {
  const failures: unknown[] = []
  for (const close of closing.toReversed()) await close().catch((error: unknown) => failures.push(error))
  if (failures.length > 0) throw failures[0]
}
