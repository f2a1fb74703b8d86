/** `user-admin start`: the service, until a signal ends it. */
import path from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import closeWithGrace from 'close-with-grace'
import { Command } from 'commander'
import { type Config, naming, readConfig } from '../config.js'
import { type EmbeddedPostgres, startEmbeddedPostgres } from '../db/embedded-postgres.js'
import { assertMigrated, migrate } from '../db/migrate.js'
import { Names } from '../db/names.js'
import { makeAllYoung } from '../ops/garbage-collection.js'
import type { Service } from '../server.js'
import { withPool } from './database.js'
import { explainDatabase } from './database-failure.js'
import { explain } from './failure.js'
import { provideFirstKey } from './first-key.js'
import { greeting } from './greeting.js'
import { listen } from './listen.js'
import { KEY_FILE } from './names.js'
import { note } from './output.js'
import { ignoreEcho, outliveSignals } from './signals.js'

/** Longer than the embedded PostgreSQL takes to stop, however busy it is. */
const STOP_MS = 20_000

/**
 * What close-with-grace would take for a wish to end, and is none. Who returns from a handler of the signals of a
 * crash makes the same crash again, for ever and at full speed.
 */
const SKIPPED = ['beforeExit', 'SIGILL', 'SIGTRAP', 'SIGABRT', 'SIGBUS', 'SIGFPE', 'SIGSEGV'] as const

export const startCommand = () =>
  new Command('start')
    .description('Runs the service until a signal ends it.')
    .action(() => start(readConfig()))

/** What runs so far; it is ended in the opposite order. */
interface Running {
  embedded?: EmbeddedPostgres
  service?: Service
}

/** Starts the service and says where it is. Returns when it listens; a signal ends the process. */
export async function start(config: Config): Promise<void> {
  const running: Running = {}
  const ending = new AbortController()
  const starting = open(config, running, ending.signal)
  const { SHUTDOWN_TIMEOUT_MS: grace, SHUTDOWN_DELAY_MS: delay } = config
  outliveSignals()
  const { uninstall } = closeWithGrace(
    { delay: 2 * grace + delay + STOP_MS, logger: false, skip: [...SKIPPED] },
    async ({ err, signal }) => {
      ending.abort()
      if (signal) void ignoreEcho(signal)
      if (err) report(err, running)
      // A step of the start is not cut off: what it opens must be closed too. The next one is not begun.
      const inTime = await isOverWithin(grace, starting)
      await close(running, delay + grace)
      if (!inTime) throw new Error('the start did not end in time')
    },
  )
  try {
    await starting
  } catch (error) {
    // A signal has ended the start: whoever got it closes what was opened, and ends the process.
    if (ending.signal.aborted) return
    await close(running, delay + grace).catch(() => {})
    uninstall()
    throw explainDatabase(error, config)
  }
}

async function open(config: Config, running: Running, signal: AbortSignal): Promise<void> {
  // Loaded while the database starts.
  const server = import('../server.js')
  if (config.DATABASE_URL === undefined) {
    const log = (message: string) => (running.service ? running.service.app.log.warn(message) : note(message))
    running.embedded = await startEmbeddedPostgres({ dataDir: config.DATA_DIR, log })
    signal.throwIfAborted()
  }
  const url = running.embedded?.url ?? config.DATABASE_URL!
  const names = new Names(naming(config))
  if (config.MIGRATE) await migrate(url, { names })
  else await assertMigrated(url)
  signal.throwIfAborted()
  const file = path.resolve(config.DATA_DIR, KEY_FILE)
  const key = running.embedded && (await withPool(url, names, (database) => provideFirstKey(database, file)))
  const { buildServer } = await server
  signal.throwIfAborted()
  running.service = await buildServer(config, url)
  signal.throwIfAborted()
  // After all is loaded: with another flag of V8, what Node.js keeps compiled of itself is compiled anew.
  makeAllYoung()
  const address = await listen(running.service, config)
  // On standard error, since standard output is the log.
  process.stderr.write(greeting(address, config.PREFIX, key))
}

/** Ends requests in flight, then connections, and the embedded PostgreSQL last. */
async function close({ embedded, service }: Running, timeoutMs: number): Promise<void> {
  try {
    if (service === undefined || (await isOverWithin(timeoutMs, service.close()))) return
    // Before PostgreSQL stops: as its connections end one after the other, some would yet get what they wait for.
    service.app.server.closeAllConnections()
    service.app.log.error('requests in flight were cut off')
    throw new Error('the service did not end in time')
  } finally {
    await embedded?.stop()
  }
}

const isOverWithin = (milliseconds: number, work: Promise<unknown>): Promise<boolean> =>
  Promise.race([
    work.then(
      () => true,
      () => true,
    ),
    sleep(milliseconds, false, { ref: false }),
  ])

function report(error: Error, { service }: Running): void {
  if (service === undefined) note(`error: ${explain(error)}`)
  else service.app.log.fatal({ err: error }, 'ended by an error')
}
