/** A PostgreSQL of a test's own, that may be killed, stopped and started again. Nobody else starts it. */
import { setTimeout as sleep } from 'node:timers/promises'
import type { Test } from 'tap'
import { findBinaries } from '../../src/db/embedded/binaries.js'
import { makeCluster } from '../../src/db/embedded/cluster.js'
import { isAlive, unprivilegedUser } from '../../src/db/embedded/os.js'
import {
  endClient,
  openPostmaster,
  type Postmaster,
  type Server,
  stopPostmaster,
} from '../../src/db/embedded/postmaster.js'
import { urlOf } from '../../src/db/embedded/socket.js'
import { folder } from '../helpers/cli.js'

export interface OwnPostgres {
  /** What it was made of. */
  server: Server
  /** Stays the same when it is started again. */
  url: string
  /** Of its main process. */
  pid(): number
  /** Ends it by a signal to its main process: SIGINT is PostgreSQL's fast stop, SIGQUIT the immediate one. Waits until it has gone. */
  end(signal: 'SIGINT' | 'SIGQUIT' | 'SIGKILL'): Promise<void>
  /** Starts it again, where it does not run. Waits until it takes connections. @param settings beside its own */
  start(settings?: Record<string, string>): Promise<void>
}

/**
 * Makes it and starts it; it ends with `t`. What it has committed outlives its crash, as it does with its own settings.
 * @param dataDir where its files are; a folder of its own by default
 */
export async function startOwnPostgres(
  t: Test,
  settings: Record<string, string> = {},
  dataDir?: string,
): Promise<OwnPostgres> {
  const user = await unprivilegedUser()
  const binaries = await findBinaries(user)
  const { directory } = await makeCluster({
    dataDir: dataDir ?? (await folder(t)),
    binaries,
    user,
    noSync: true,
    log: () => {},
  })
  // A process that crashes leaves its writes with the system: only a power failure needs them synced.
  return startServer(t, { directory, binaries, user, settings: { fsync: 'off', ...settings } })
}

/** Starts one on files that are there; it ends with `t`. */
export async function startServer(t: Test, server: Server): Promise<OwnPostgres> {
  let postmaster: Postmaster
  const open = async (more: Partial<Server>) => {
    const opened = await openPostmaster({ ...server, ...more })
    await endClient(opened.client)
    postmaster = opened.postmaster
  }
  await open({})
  t.teardown(() => stopPostmaster(postmaster, server.directory))
  return {
    server,
    url: urlOf(postmaster!, 'postgres'),
    pid: () => postmaster.pid,
    async end(signal) {
      process.kill(postmaster.pid, signal)
      for (let tries = 0; isAlive(postmaster.pid) && tries < 1_000; tries++) await sleep(10)
      if (isAlive(postmaster.pid)) throw new Error(`PostgreSQL has not ended with ${signal}`)
    },
    start: (settings) =>
      open({ socketFolder: postmaster.socketFolder, settings: { ...server.settings, ...settings } }),
  }
}
