import { spawn } from 'node:child_process'
import { open, readFile, readdir, rm, stat, statfs } from 'node:fs/promises'
import type { Socket } from 'node:net'
import path from 'node:path'
import pg from 'pg'
import type { Binaries } from './binaries.js'
import { EmbeddedPostgresError, diskFull, errnoOf, folderError, serverError } from './error.js'
import { asUser, isAlive, isPostmasterOf, sleep, type OsUser } from './os.js'
import {
  answers,
  chooseSocketFolder,
  PORT,
  removeSocketFolder,
  socketOf,
  urlOf,
  type Address,
} from './socket.js'

const START_TIMEOUT_MS = 60_000
/** How long a server that is just going away may stand in the way of a new one. */
const HANDOVER_TIMEOUT_MS = 15_000
const POLL_MS = 20
const STOP_STEPS = [['SIGINT', 10_000], ['SIGQUIT', 5_000], ['SIGKILL', 2_000]] as const // prettier-ignore

export interface Server {
  /** The data directory, as a real path. */
  directory: string
  binaries: Binaries
  user: OsUser
  settings: Record<string, string>
  /** Where an earlier server of this service had its socket, and the URLs given out point to. */
  socketFolder?: string
  /** Ends the wait for the server, and a server that is just starting. */
  signal?: AbortSignal
}

export interface Postmaster extends Address {
  pid: number
}

export interface OpenServer {
  postmaster: Postmaster
  client: pg.Client
  /** Another process has started it. */
  foundRunning: boolean
}

/**
 * The postmaster on this data directory, with a connection to it: the one that runs already (left behind
 * by a service that was killed), or a new one, detached from our process group.
 */
export async function openPostmaster(server: Server): Promise<OpenServer> {
  const began = Date.now()
  let child: Child | undefined
  let trouble: unknown
  while (Date.now() - began < START_TIMEOUT_MS && !server.signal?.aborted) {
    const lock = await readLock(server.directory)
    const running = lock && (await isPostmasterOf(lock.pid, server.directory))
    if (running && lock.status === 'ready') {
      const client = await connectTo(lock).catch((error: unknown) => (trouble = error))
      if (client instanceof pg.Client) {
        child?.release()
        return { postmaster: lock, client, foundRunning: !child }
      }
      if (isLasting(trouble)) break
    } else if (!running && child?.ended()) {
      if (Date.now() - began > HANDOVER_TIMEOUT_MS || !isHandover(await lastWords(server, child))) break
      child = undefined
    } else if (!running && !child) {
      if (lock) await removeStaleLock(server, lock)
      child = await launch(server)
    }
    await sleep(POLL_MS)
  }
  if (server.signal?.aborted && child) await abandon(child)
  throw await explain(server, child, trouble)
}

/** Fast shutdown; where that takes too long an immediate one, which loses nothing that was committed. */
export async function stopPostmaster({ pid, socketFolder }: Postmaster, directory: string): Promise<void> {
  for (const [signal, patience] of STOP_STEPS) {
    if (!(await isPostmasterOf(pid, directory))) break
    signalTo(pid, signal)
    if (await isGone(pid, directory, patience)) break
  }
  await removeSocketFolder(socketFolder)
}

/** Connects to the maintenance database, from where the service's own can be made. */
export async function connectTo(postmaster: Postmaster): Promise<pg.Client> {
  const client = new pg.Client({
    connectionString: urlOf(postmaster, 'postgres'),
    connectionTimeoutMillis: 5_000,
    query_timeout: 30_000,
    application_name: `fastify-user-admin pid ${process.pid}`,
  })
  // A killed backend would end the process without a listener.
  client.on('error', () => {})
  try {
    await client.connect()
    return client
  } catch (error) {
    await endClient(client)
    throw error
  }
}

/** Ends a connection, dead or alive, and does not wait for ever. */
export async function endClient(client: pg.Client): Promise<void> {
  await Promise.race([client.end().catch(() => {}), sleep(1_000, undefined, { ref: false })])
}

async function abandon(child: Child): Promise<void> {
  child.stop()
  for (const began = Date.now(); !child.ended() && Date.now() - began < 10_000;) await sleep(POLL_MS)
}

type Lock = Postmaster & { status: string }

export async function readLock(directory: string): Promise<Lock | undefined> {
  const text = await readFile(lockFile(directory), 'utf8').catch((error: unknown) => {
    if (errnoOf(error) === 'ENOENT') return ''
    throw folderError(error, directory)
  })
  const [pid, , , port = '', socketFolder = '', , , status = ''] = text.split('\n')
  if (!pid || !/^\d+$/.test(pid)) return undefined
  return { pid: Number(pid), port, socketFolder, status: status.trim() }
}

function lockFile(directory: string): string {
  return path.join(directory, 'postmaster.pid')
}

/**
 * PostgreSQL takes a lock file for stale when its process is dead, but not when another program has got the
 * number since; and a server in another container, whose processes are hidden from us, would be dead to it.
 * (Within one container its shared memory key holds besides that two servers never share a data directory.)
 */
async function removeStaleLock({ directory, socketFolder }: Server, lock: Lock): Promise<void> {
  if (await answers(lock)) {
    throw new EmbeddedPostgresError(
      'in-use',
      `The data folder ${path.dirname(directory)} is in use by another running service, perhaps in another ` +
        'container. Stop that one, or give this one a data folder of its own, or set DATABASE_URL for both.',
    )
  }
  if (await isPostmasterOf(lock.pid, directory)) return
  if (lock.socketFolder !== socketFolder) await removeSocketFolder(lock.socketFolder)
  if (!isAlive(lock.pid)) return
  await rm(lockFile(directory), { force: true })
  await rm(`${socketOf(lock)}.lock`, { force: true })
}

interface Child {
  pid: number | undefined
  ended: () => boolean
  output: () => string
  /** Stops listening to it, so that it does not keep our process. */
  release: () => void
  stop: () => void
}

async function launch(server: Server): Promise<Child> {
  const { directory, binaries, user } = server
  const socketFolder = server.socketFolder ?? (await chooseSocketFolder(directory, user))
  const settings = { ...SETTINGS, unix_socket_directories: quoted(socketFolder), ...server.settings }
  const args = Object.entries(settings).flatMap(([name, value]) => ['-c', `${name}=${value}`])
  const child = spawn(binaries.postgres, ['-D', directory, ...args], {
    ...asUser(user),
    cwd: '/',
    // Out of our process group: Ctrl-C must not stop it under requests in flight.
    detached: true,
    stdio: ['ignore', 'ignore', 'pipe'],
  })
  let output = ''
  let ended = false
  let released = false
  const end = async (reason = '') => {
    output += reason
    // Once it was up, URLs point there.
    if (!released && !server.socketFolder) await removeSocketFolder(socketFolder)
    ended = true
  }
  child.stderr.on('data', (chunk: Buffer) => (output = (output + chunk.toString()).slice(-8_000)))
  child.once('error', (error) => void end(String(error)))
  child.once('close', () => void end())
  // A helper process of it may hold the pipe open.
  child.once('exit', () => setTimeout(() => void end(), 500).unref())
  child.unref()
  ;(child.stderr as Socket).unref()
  return {
    pid: child.pid,
    ended: () => ended,
    output: () => output,
    release: () => {
      released = true
      child.stderr.destroy()
    },
    stop: () => void child.kill('SIGINT'),
  }
}

/** The setting is a list, with commas between. */
function quoted(folder: string): string {
  return `"${folder.replaceAll('"', '""')}"`
}

const SETTINGS = {
  listen_addresses: '',
  port: String(PORT),
  unix_socket_permissions: '0700',
  max_connections: '100',
  shared_buffers: '128MB',
  timezone: 'UTC',
  log_timezone: 'UTC',
  // What the server tells of itself, for seven days. Its errors are ours to report, and hold users' data.
  log_min_messages: 'log',
  log_min_error_statement: 'panic',
  log_error_verbosity: 'terse',
  log_checkpoints: 'off',
  logging_collector: 'on',
  log_directory: 'log',
  log_filename: 'postgresql-%a.log',
  log_rotation_age: '1d',
  log_truncate_on_rotation: 'on',
}

/** An earlier server, or one that another process starts at this moment, has not yet let go. */
function isHandover(output: string): boolean {
  return /lock file "[^"]*" (already exists|is empty)|pre-existing shared memory block/.test(output)
}

/** Starting up, shutting down, out of connections or not yet listening passes; all else stays. */
function isLasting(error: unknown): boolean {
  return !['57P03', '53300', 'ECONNREFUSED', 'ENOENT', 'ECONNRESET'].includes(errnoOf(error) ?? '57P03')
}

function signalTo(pid: number, signal: NodeJS.Signals): void {
  try {
    process.kill(pid, signal)
  } catch {
    // It has gone by itself.
  }
}

async function isGone(pid: number, directory: string, patience: number): Promise<boolean> {
  for (const began = Date.now(); Date.now() - began < patience; await sleep(POLL_MS)) {
    if (!(await isPostmasterOf(pid, directory))) return true
  }
  return false
}

async function explain(server: Server, child?: Child, trouble?: unknown): Promise<EmbeddedPostgresError> {
  const { blocks, bavail, bsize } = await statfs(server.directory).catch(() => ({
    blocks: 0,
    bavail: 0,
    bsize: 0,
  }))
  // A full disk takes the log along that would tell of it.
  if (blocks > 0 && bavail * bsize < 64 * 1024) return diskFull(server.directory)
  const reason = trouble ? `It runs, but does not answer: ${String(trouble)}.` : ''
  return serverError(
    `PostgreSQL did not start on ${server.directory}. ${reason}`.trim(),
    await lastWords(server, child),
    server.directory,
  )
}

/** What the server told while it started; all of the log's end where that was not our doing. */
async function lastWords({ directory }: Server, child?: Child): Promise<string> {
  const tail = await logTail(directory)
  if (!child) return tail
  const lines = tail.split('\n')
  const first = lines.findIndex((line) => line.includes(`[${child.pid}]`))
  return child.output() + (first < 0 ? '' : lines.slice(first).join('\n'))
}

async function logTail(directory: string): Promise<string> {
  const folder = path.join(directory, 'log')
  const files = await readdir(folder).catch(() => [])
  const dated = await Promise.all(
    files.map(async (name) => ({ name, at: (await stat(path.join(folder, name))).mtimeMs })),
  ).catch(() => [])
  const newest = dated.toSorted((a, b) => b.at - a.at)[0]
  return newest ? readEnd(path.join(folder, newest.name)).catch(() => '') : ''
}

async function readEnd(file: string): Promise<string> {
  const handle = await open(file)
  try {
    const { size } = await handle.stat()
    const { buffer, bytesRead } = await handle.read({
      buffer: Buffer.alloc(4_000),
      position: Math.max(0, size - 4_000),
    })
    return buffer.subarray(0, bytesRead).toString()
  } finally {
    await handle.close()
  }
}
