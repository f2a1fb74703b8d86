import { randomBytes } from 'node:crypto'
import { chmod, chown, lstat, mkdir, mkdtemp, open, readFile, readdir, realpath } from 'node:fs/promises'
import { rename, rm, rmdir, stat, statfs, symlink, unlink, writeFile } from 'node:fs/promises'
import path from 'node:path'
import type { Binaries } from './binaries.js'
import { EmbeddedPostgresError, diskFull, errnoOf, folderError, serverError } from './error.js'
import { canEnter, isAlive, run, type OsUser } from './os.js'

const MEGABYTE = 1024 * 1024
const ROOM_FOR_NEW = 64 * MEGABYTE
const ROOM_TO_START = 4 * MEGABYTE
const INITDB_TIMEOUT_MS = 120_000

/** Tells our own unfinished folder from one that an earlier process with our pid has left. */
const PROCESS_TOKEN = randomBytes(4).toString('hex')
const UNFINISHED = /^postgres\.init-(\d+)-([0-9a-f]+)-/

/** The cluster that `<dataDir>/postgres` is, or points to, as a real path; `undefined` where there is none. */
export async function findCluster(dataDir: string): Promise<string | undefined> {
  const entry = path.join(dataDir, 'postgres')
  try {
    await mkdir(dataDir, { recursive: true })
    const found = await lstat(entry).catch(ignore('ENOENT'))
    if (!found) return undefined
    const directory = await realpath(entry).catch(ignore('ENOENT'))
    if (!directory) throw lostTarget(entry)
    const entries = await readdir(directory)
    if (entries.length === 0) return undefined
    if (!entries.includes('PG_VERSION')) throw notCluster(entry)
    return directory
  } catch (error) {
    throw folderError(error, (await lstat(entry).catch(() => undefined)) ? entry : dataDir)
  }
}

/** PostgreSQL only runs as the owner of its files: for root, that is whom it runs as. */
export async function ownerOf(directory: string, otherwise: OsUser): Promise<OsUser> {
  if (!otherwise) return undefined
  const { uid, gid } = await stat(directory)
  return uid === 0 || uid === otherwise.uid ? otherwise : { name: `user id ${uid}`, uid, gid }
}

/** Fails where the data folder is read-only or full, or the cluster is not for these programs and this user. */
export async function checkCluster(directory: string, dataDir: string, binaries: Binaries, user: OsUser) {
  const version = (await readFile(path.join(directory, 'PG_VERSION'), 'utf8').catch(rethrow(dataDir))).trim()
  if (version !== binaries.major) {
    throw new EmbeddedPostgresError(
      'other-version',
      `${directory} was made by PostgreSQL ${version}, and this is PostgreSQL ${binaries.major}. Dump it with ` +
        `the version that made it and restore it into a new data folder, or choose another data folder.`,
    )
  }
  if (!(await canEnter(user, directory))) {
    throw new EmbeddedPostgresError(
      'not-writable',
      `${directory} is below a folder that ${user?.name} may not enter, and PostgreSQL refuses to run as root. ` +
        'Open the folders above it (chmod o+x), or move the data folder, or set DATABASE_URL.',
    )
  }
}

/** Fails with a plain message where the folder can't be written to, or has no room. */
export async function checkRoom(folder: string, isNew: boolean): Promise<void> {
  const probe = path.join(folder, `.probe-${process.pid}-${PROCESS_TOKEN}`)
  try {
    const { blocks, bavail, bsize } = await statfs(folder)
    // Some network file systems report no sizes at all.
    if (blocks > 0 && bavail * bsize < (isNew ? ROOM_FOR_NEW : ROOM_TO_START)) throw diskFull(folder)
    await writeFile(probe, Buffer.alloc(64 * 1024))
  } catch (error) {
    throw folderError(error, folder)
  } finally {
    await unlink(probe).catch(() => {})
  }
}

export interface NewCluster {
  dataDir: string
  binaries: Binaries
  user: OsUser
  /** Don't wait for the disk: for tests. */
  noSync: boolean
  /** More options of initdb. */
  initdb?: readonly string[]
  log: (message: string) => void
}

/**
 * Makes a cluster, whole or not at all: in a temporary folder that is renamed when complete.
 * Returns its real path, and whether it is ours or that of a process that was faster.
 */
export async function makeCluster(options: NewCluster): Promise<{ directory: string; initialised: boolean }> {
  const { dataDir, user, log } = options
  const home = await realpath(dataDir)
  const base = (await canOwn(user, home)) ? home : await elsewhere(user)
  const entry = path.join(home, 'postgres')
  const temporary = await mkdtemp(path.join(base, `postgres.init-${process.pid}-${PROCESS_TOKEN}-`))
  try {
    if (user) await chown(temporary, user.uid, user.gid)
    await runInitdb(temporary, options)
    const initialised =
      base === home ? await put(temporary, entry) : await putElsewhere(temporary, base, entry)
    const directory = await realpath(entry)
    if (base !== home) log(`${user?.name} can't use ${home}, so the database lives in ${directory}`)
    return { directory, initialised }
  } catch (error) {
    throw folderError(error, base)
  } finally {
    await rm(temporary, { recursive: true, force: true }).catch(() => {})
  }
}

async function runInitdb(
  directory: string,
  { binaries, user, noSync, initdb = [] }: NewCluster,
): Promise<void> {
  const args = [
    `--pgdata=${directory}`,
    '--username=postgres',
    '--auth-local=trust',
    '--auth-host=reject',
    '--encoding=UTF8',
    // lower() and ILIKE know all of Unicode, and sorting is the same on every machine.
    '--locale=C',
    '--locale-provider=builtin',
    '--builtin-locale=C.UTF-8',
    '--no-instructions',
    ...(noSync ? ['--no-sync'] : []),
    ...initdb,
  ]
  const { ok, output } = await run(binaries.initdb, args, user, INITDB_TIMEOUT_MS)
  if (ok) return
  if (output.includes('could not look up effective user ID')) {
    throw new EmbeddedPostgresError(
      'unsupported',
      `initdb wants a name for user id ${process.getuid?.()} in /etc/passwd, and there is none. ` +
        'Start the service as a user that has a name, or set DATABASE_URL.',
    )
  }
  throw serverError('PostgreSQL could not make its database cluster.', output, path.dirname(directory))
}

/** False where another process has put its cluster there first. */
async function put(temporary: string, entry: string): Promise<boolean> {
  try {
    await rename(temporary, entry)
    await syncFolder(path.dirname(entry))
    return true
  } catch (error) {
    if (['ENOTEMPTY', 'EEXIST', 'ENOTDIR'].includes(errnoOf(error) ?? '')) return false
    throw error
  }
}

async function putElsewhere(temporary: string, base: string, entry: string): Promise<boolean> {
  const place = path.join(base, randomBytes(8).toString('hex'))
  await rename(temporary, place)
  try {
    await rmdir(entry).catch(() => {})
    await symlink(place, entry)
    await syncFolder(path.dirname(entry))
    return true
  } catch (error) {
    await rm(place, { recursive: true, force: true })
    if (errnoOf(error) === 'EEXIST') return false
    throw error
  }
}

/** Whether `user` can reach `folder` and own something in it (not so on some network mounts). */
async function canOwn(user: OsUser, folder: string): Promise<boolean> {
  if (!user) return true
  if (!(await canEnter(user, folder))) return false
  const probe = await mkdtemp(path.join(folder, '.probe-')).catch(rethrow(folder))
  try {
    await chown(probe, user.uid, user.gid)
    return (await stat(probe)).uid === user.uid
  } catch {
    return false
  } finally {
    await rmdir(probe).catch(() => {})
  }
}

/** A folder of root's that `user` can reach. */
async function elsewhere(user: OsUser): Promise<string> {
  for (const parent of ['/var/lib', '/var/tmp']) {
    const folder = path.join(parent, 'fastify-user-admin')
    try {
      await mkdir(folder, { recursive: true, mode: 0o755 })
      const { uid, mode } = await lstat(folder)
      // In /var/tmp anybody may have made it before us.
      if (uid !== 0 || mode & 0o022) continue
      await chmod(folder, 0o755)
      if (!(await canEnter(user, folder))) continue
      await checkRoom(folder, true)
      return folder
    } catch (error) {
      if (parent === '/var/tmp') throw folderError(error, folder)
    }
  }
  throw new EmbeddedPostgresError(
    'not-writable',
    `PostgreSQL refuses to run as root, and ${user?.name} can reach neither the data folder nor a folder in ` +
      '/var/lib or /var/tmp. Choose another data folder, or set DATABASE_URL.',
  )
}

/** Removes what an interrupted initdb has left. */
export async function removeUnfinished(base: string): Promise<void> {
  for (const name of await readdir(base).catch(() => [])) {
    const [, pid, token] = UNFINISHED.exec(name) ?? []
    if (!pid || (Number(pid) === process.pid ? token === PROCESS_TOKEN : isAlive(Number(pid)))) continue
    await rm(path.join(base, name), { recursive: true, force: true }).catch(() => {})
  }
}

/** So that the new name outlives a power failure. */
async function syncFolder(folder: string): Promise<void> {
  const handle = await open(folder)
  await handle.sync().finally(() => handle.close())
}

function lostTarget(entry: string): EmbeddedPostgresError {
  return new EmbeddedPostgresError(
    'not-writable',
    `${entry} points to a database cluster that is gone. Bring it back, or remove ${entry} to begin anew.`,
  )
}

function notCluster(entry: string): EmbeddedPostgresError {
  return new EmbeddedPostgresError(
    'not-writable',
    `${entry} exists and is no database cluster. Remove it, or choose another data folder, or set DATABASE_URL.`,
  )
}

function ignore(code: string) {
  return (error: unknown): undefined => {
    if (errnoOf(error) !== code) throw error
  }
}

function rethrow(folder: string) {
  return (error: unknown): never => {
    throw folderError(error, folder)
  }
}
