import type pg from 'pg'
import { EmbeddedPostgresError } from './error.js'
import { sleep } from './os.js'
import { endClient } from './postmaster.js'

/** One service to a data folder. A constant for ever: services of different versions must meet at it. */
const LOCK = '4242870211939451106'
/** The connection of a service that was killed this instant may last a moment longer. */
const PATIENCE_MS = 1_000
const FIRST_RETRY_MS = 250
const LAST_RETRY_MS = 30_000

/** Held by a connection of its own for the life of the service; the database frees it when we crash. */
export interface ServiceLock {
  /** Ends the watch over the connection, and tells whether the data folder is still ours. */
  unwatch(): Promise<boolean>
  /** Ends the connection, which frees the lock. */
  release(): Promise<void>
}

export interface LockOptions {
  client: pg.Client
  /** Connects anew when the connection is lost, and starts the server anew when that is lost. */
  reconnect: () => Promise<pg.Client>
  dataDir: string
  log: (message: string) => void
}

/**
 * Takes the lock that makes this service the only one on its data folder.
 *
 * @throws EmbeddedPostgresError where another service holds it
 */
export async function takeServiceLock(options: LockOptions): Promise<ServiceLock> {
  await lockOrFail(options.client, options.dataDir)
  return new WatchedLock(options)
}

class WatchedLock implements ServiceLock {
  private client: pg.Client | undefined
  private ours = true
  private watching = true
  private timer: NodeJS.Timeout | undefined
  private attempt: Promise<void> | undefined

  constructor(private readonly options: LockOptions) {
    this.hold(options.client)
  }

  async unwatch(): Promise<boolean> {
    this.watching = false
    clearTimeout(this.timer)
    await this.attempt
    return this.ours
  }

  async release(): Promise<void> {
    if (this.client) await endClient(this.client)
  }

  private hold(client: pg.Client): void {
    this.client = client
    this.ours = true
    // It must not keep a process that has nothing else to do. (The method is not in the types.)
    ;(client as pg.Client & { unref(): void }).unref()
    client.once('end', () => {
      this.client = undefined
      if (this.watching) this.options.log('lost the connection that holds the data folder, and take it again')
      this.retryIn(FIRST_RETRY_MS)
    })
  }

  private retryIn(delay: number): void {
    if (!this.watching) return
    this.timer = setTimeout(() => {
      this.attempt = this.takeAgain().catch((error: unknown) => {
        this.options.log(`could not take the data folder again: ${String(error)}`)
        this.retryIn(Math.min(delay * 2, LAST_RETRY_MS))
      })
    }, delay).unref()
  }

  private async takeAgain(): Promise<void> {
    const client = await this.options.reconnect()
    const taken = await tryLock(client).catch(() => undefined)
    if (taken) return this.hold(client)
    await endClient(client)
    if (taken === undefined) throw new Error('the connection was lost again')
    this.ours = false
    throw inUse(this.options.dataDir)
  }
}

async function lockOrFail(client: pg.Client, dataDir: string): Promise<void> {
  for (const began = Date.now(); Date.now() - began < PATIENCE_MS; await sleep(100)) {
    if (await tryLock(client)) return
  }
  throw inUse(dataDir, await holderOf(client).catch(() => undefined))
}

function inUse(dataDir: string, holder?: string): EmbeddedPostgresError {
  return new EmbeddedPostgresError(
    'in-use',
    `The data folder ${dataDir} is in use by another running service${holder ? ` (${holder})` : ''}. ` +
      'Stop that one, or give this one a data folder of its own, or set DATABASE_URL for both.',
  )
}

async function tryLock(client: pg.Client): Promise<boolean> {
  const { rows } = await client.query<{ taken: boolean }>('select pg_try_advisory_lock($1) as taken', [LOCK])
  return rows[0]?.taken === true
}

/** Which process holds the lock, by the name of its connection. */
export async function holderOf(client: pg.Client): Promise<string | undefined> {
  const { rows } = await client.query<{ application_name: string }>(
    `select application_name from pg_stat_activity join pg_locks using (pid)
      where locktype = 'advisory' and granted
        and (classid::bigint << 32) + objid::bigint = $1::bigint and objsubid = 1`,
    [LOCK],
  )
  return rows[0]?.application_name
}
