/** Starts the service as production does, on a throw-away database with fixtures. */
import { readConfig, type SettingName } from '../config.js'
import { Database, openPool } from '../db/database.js'
import { openThrowawayDatabase } from '../db/throwaway-database.js'
import { type FixtureName, type Fixtures, type FixturesOf, readFixtures } from './fixtures.js'
import { type Loaded, loadFixtures } from './load.js'

const FIXED = ['HOST', 'PORT', 'DATA_DIR', 'MIGRATE', 'AUTH_USER_MODEL'] as const

/** What a mock sees to by itself. */
type Fixed = (typeof FIXED)[number] | Extract<SettingName, `${string}_TABLE`>

/** Settings of the service, as its environment has them. */
export type MockSettings = Partial<Record<Exclude<SettingName, Fixed>, string>>

const isFixed = (name: string): boolean => FIXED.some((fixed) => fixed === name) || name.endsWith('_TABLE')

export interface MockOptions<F extends FixtureName | Fixtures = FixtureName | Fixtures> {
  /** Who is in it: a name, or data. Default `team`. */
  fixtures?: F
  /** Of 127.0.0.1. Default: a free one. */
  port?: number
  /**
   * `DATABASE_URL` among them: a database is made on that server then, and dropped. Nothing is read from the environment. Those of
   * addresses, folders and the names of tables are of no use.
   */
  settings?: MockSettings
}

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

type MockOf<F extends FixtureName | Fixtures> = Mock<
  keyof FixturesOf<F>['users'] & string,
  keyof NonNullable<FixturesOf<F>['groups']> & string
>

/** Nobody is refused for a machine that is slow. */
const DEFAULTS = { LOG_LEVEL: 'silent', MAX_EVENT_LOOP_DELAY_MS: '0' }
const DATABASE = { timeoutMs: 10_000, prepared: false }

/**
 * Starts one; several may run at once.
 * @throws FixtureError, ConfigError for a setting that can't be used, EmbeddedPostgresError where PostgreSQL can't be run here, and
 *   what listening throws (`EADDRINUSE`)
 */
export async function startMock<const F extends FixtureName | Fixtures = 'team'>(
  options: MockOptions<F> = {},
): Promise<MockOf<F>> {
  const fixtures = readFixtures(options.fixtures ?? 'team')
  const { port = 0, settings = {} } = options
  const chosen = Object.fromEntries(Object.entries(settings).filter(([name]) => !isFixed(name)))
  const config = readConfig({ ...DEFAULTS, ...chosen, HOST: '127.0.0.1', PORT: String(port) })
  // Loaded while the database starts.
  const server = import('../server.js')
  const opened = await openThrowawayDatabase(config.DATABASE_URL)
  const closing = [opened.close]
  try {
    const pool = openPool(opened.url, { max: 1, timeoutMs: DATABASE.timeoutMs })
    closing.push(() => pool.end())
    const database = new Database(pool, DATABASE)
    const loaded = await loadFixtures(database, fixtures)
    const service = await (await server).buildServer(config, opened.url)
    closing.push(() => {
      // Nobody waits for what is thrown away.
      service.app.server.closeAllConnections()
      return service.close()
    })
    const url = await service.listen()
    return running(url, fixtures, loaded, database, () => closeAll(closing)) as MockOf<F>
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
