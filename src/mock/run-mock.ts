/** From a database to a service with fixtures. */
import type { Config } from '../config.js'
import { Database, openPool } from '../db/database.js'
import type { ThrowawayDatabase } from '../db/throwaway-database.js'
import { buildServer, type Service } from '../server.js'
import type { FixtureName } from './fixtures.js'
import { type Loaded, loadFixtures } from './load.js'
import { type Fixtures, readFixtures } from './read-fixtures.js'

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
export async function runMock(config: Config, opened: ThrowawayDatabase, given: unknown): Promise<Mock> {
  const closing = [opened.close]
  try {
    const fixtures = readFixtures(given)
    const pool = openPool(opened.url, { max: 1, timeoutMs: DATABASE.timeoutMs })
    closing.push(() => pool.end())
    const database = new Database(pool, DATABASE)
    // The one keeps our process busy, and the other PostgreSQL.
    const [service, loaded] = await Promise.allSettled([
      buildServer(config, opened.url),
      loadFixtures(database, fixtures, 'empty'),
    ])
    if (service.status === 'fulfilled') closing.push(() => end(service.value))
    const first = valueOf(loaded)
    const url = await valueOf(service).listen()
    return running(url, fixtures, first, database, () => closeAll(closing))
  } catch (error) {
    await closeAll(closing)
    throw error
  }
}

function valueOf<T>(settled: PromiseSettledResult<T>): T {
  if (settled.status === 'rejected') throw settled.reason
  return settled.value
}

/** Nobody waits for what is thrown away. */
function end({ app, close }: Service): Promise<void> {
  app.server.closeAllConnections()
  return close()
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
      const wanted = fixtures === undefined ? original : readFixtures(fixtures)
      loaded = await loadFixtures(database, wanted, 'replaced')
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
