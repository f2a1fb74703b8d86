import { randomBytes } from 'node:crypto'
import { chown, mkdtemp, rm } from 'node:fs/promises'
import { connect, createServer } from 'node:net'
import os from 'node:os'
import path from 'node:path'
import { EmbeddedPostgresError } from './error.js'
import { canEnter, type OsUser } from './os.js'

/** Names the socket; no TCP port is opened. */
export const PORT = 5432
/** A socket's path has 107 bytes on Linux and 103 on macOS. */
const LONGEST_SOCKET_PATH = 103
const SOCKET_FOLDER_PREFIX = 'fastify-user-admin-pg-'

export interface Address {
  socketFolder: string
  port: string
}

export function socketOf({ socketFolder, port }: Address): string {
  return path.join(socketFolder, `.s.PGSQL.${port}`)
}

/** A URL for node-postgres; nothing of it is left to PGPORT or PGSSLMODE. */
export function urlOf({ socketFolder, port }: Address, database: string): string {
  const host = encodeURIComponent(socketFolder)
  return `postgresql://postgres@localhost:${port}/${database}?host=${host}&sslmode=disable`
}

/** The data directory itself, being private; a short one in /tmp where its path is too long for a socket. */
export async function chooseSocketFolder(directory: string, user: OsUser): Promise<string> {
  if (await canHoldSocket(directory)) return directory
  for (const parent of [os.tmpdir(), '/tmp']) {
    if (!(await canEnter(user, parent).catch(() => false))) continue
    const folder = await mkdtemp(path.join(parent, SOCKET_FOLDER_PREFIX)).catch(() => undefined)
    if (!folder) continue
    if (user) await chown(folder, user.uid, user.gid)
    if (await canHoldSocket(folder)) return folder
    await removeSocketFolder(folder)
  }
  throw new EmbeddedPostgresError(
    'start-failed',
    `Neither ${directory} nor ${os.tmpdir()} can hold PostgreSQL's socket: their paths are too long, or their ` +
      'file systems have no sockets. Choose another data folder, or set DATABASE_URL.',
  )
}

async function canHoldSocket(folder: string): Promise<boolean> {
  if (Buffer.byteLength(`${folder}/.s.PGSQL.${PORT}`) > LONGEST_SOCKET_PATH) return false
  const probe = createServer()
  return new Promise((resolve) => {
    probe.once('error', () => resolve(false))
    probe.listen(path.join(folder, `.p${randomBytes(4).toString('hex')}`), () =>
      probe.close(() => resolve(true)),
    )
  })
}

export async function removeSocketFolder(folder: string): Promise<void> {
  if (!path.basename(folder).startsWith(SOCKET_FOLDER_PREFIX)) return
  await rm(folder, { recursive: true, force: true }).catch(() => {})
}

/** Whether anything listens there. */
export function answers(address: Address): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect(socketOf(address))
    const end = (answer: boolean) => {
      socket.destroy()
      resolve(answer)
    }
    socket.setTimeout(2_000, () => end(true))
    socket.once('connect', () => end(true))
    socket.once('error', () => end(false))
  })
}
