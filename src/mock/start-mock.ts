/** Starts the service as production does, on a throw-away database with fixtures. */
import { readConfig, type SettingName } from '../config.js'
import { beginThrowawayDatabase } from '../db/throwaway-database.js'
import { type FixtureName, type FIXTURES, fixturesOf } from './fixtures.js'
import type { Fixtures } from './read-fixtures.js'
import type { Mock } from './run-mock.js'

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

/** The fixtures that are meant by a name, or by data. */
type FixturesOf<F extends FixtureName | Fixtures> = F extends FixtureName ? (typeof FIXTURES)[F] : F

type MockOf<F extends FixtureName | Fixtures> = Mock<
  keyof FixturesOf<F>['users'] & string,
  keyof NonNullable<FixturesOf<F>['groups']> & string
>

/** Nobody is refused for a machine that is slow. */
const DEFAULTS = { LOG_LEVEL: 'silent', MAX_EVENT_LOOP_DELAY_MS: '0' }

/**
 * Starts one; several may run at once.
 * @throws FixtureError, ConfigError for a setting that can't be used, EmbeddedPostgresError where PostgreSQL can't be run here, and
 *   what listening throws (`EADDRINUSE`)
 */
export async function startMock<const F extends FixtureName | Fixtures = 'team'>(
  options: MockOptions<F> = {},
): Promise<MockOf<F>> {
  const { fixtures = 'team', port = 0, settings = {} } = options
  const chosen = Object.fromEntries(Object.entries(settings).filter(([name]) => !isFixed(name)))
  const config = readConfig({ ...DEFAULTS, ...chosen, HOST: '127.0.0.1', PORT: String(port) })
  const wanted: unknown = typeof fixtures === 'string' ? fixturesOf(fixtures) : fixtures
  const { opened } = await beginThrowawayDatabase(config.DATABASE_URL)
  // Not before: most of the service is loaded at one go, and nothing else would begin meanwhile.
  const { runMock } = await import('./run-mock.js').catch(async (error: unknown) => {
    await opened.then(
      ({ close }) => close(),
      () => {},
    )
    throw error
  })
  return (await runMock(config, await opened, wanted)) as MockOf<F>
}
