import { spawn } from 'node:child_process'
import { readFile, readlink, realpath, stat } from 'node:fs/promises'
import path from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { EmbeddedPostgresError, errnoOf } from './error.js'

export { sleep }

/** Whom PostgreSQL runs as; `undefined` stands for the user that we are. */
export type OsUser = { name: string; uid: number; gid: number } | undefined

// Nothing of ours may steer the server (PGDATA, PGOPTIONS, LC_ALL, secrets); C keeps messages in English.
export const CLEAN_ENV = { PATH: '/usr/local/bin:/usr/bin:/bin', LC_ALL: 'C', TZ: 'UTC' }

/** PostgreSQL refuses to run as root: whom root hands it to. */
export async function unprivilegedUser(): Promise<OsUser> {
  if (process.getuid?.() !== 0) return undefined
  const passwd = await readFile('/etc/passwd', 'utf8').catch(() => '')
  for (const wanted of ['postgres', 'nobody']) {
    const [name, , uid, gid] =
      passwd
        .split('\n')
        .find((line) => line.startsWith(`${wanted}:`))
        ?.split(':') ?? []
    if (name && Number(uid) > 0) return { name, uid: Number(uid), gid: Number(gid) }
  }
  throw new EmbeddedPostgresError(
    'unsupported',
    'PostgreSQL refuses to run as root, and /etc/passwd has neither "postgres" nor "nobody" to run it as. ' +
      'Start the service as an unprivileged user, or set DATABASE_URL.',
  )
}

/** Root without the capability SETUID, or in a user namespace that lacks the user. */
export function cannotBecome(user: OsUser): EmbeddedPostgresError {
  return new EmbeddedPostgresError(
    'unsupported',
    `PostgreSQL refuses to run as root, and this root may not become ${user?.name} (a container without the ` +
      'capability SETUID?). Start the service as an unprivileged user, or set DATABASE_URL.',
  )
}

/** Whether `user` can enter `directory`, by the mode bits of it and of all its parents. */
export async function canEnter(user: OsUser, directory: string): Promise<boolean> {
  if (!user) return true
  for (let at = await realpath(directory); ; at = path.dirname(at)) {
    const { uid, gid, mode } = await stat(at)
    const bit = uid === user.uid ? 0o100 : gid === user.gid ? 0o010 : 0o001
    if (!(mode & bit)) return false
    if (at === path.dirname(at)) return true
  }
}

export interface Ended {
  ok: boolean
  output: string
  /** Why it could not be started at all, e.g. EACCES. */
  errno: string | undefined
}

/** Runs a program to its end, and ends it when `timeoutMs` is over. Never rejects. */
export function run(file: string, args: string[], user: OsUser, timeoutMs: number): Promise<Ended> {
  return new Promise((resolve) => {
    const fail = (error: unknown) => resolve({ ok: false, output: String(error), errno: errnoOf(error) })
    try {
      const child = spawn(file, args, { ...asUser(user), cwd: '/', stdio: ['ignore', 'pipe', 'pipe'] })
      let output = ''
      const collect = (chunk: Buffer) => (output = (output + chunk.toString()).slice(-8_000))
      child.stdout.on('data', collect)
      child.stderr.on('data', collect)
      const timer = setTimeout(() => {
        output += `\n${path.basename(file)} was ended after ${timeoutMs} ms`
        child.kill('SIGKILL')
      }, timeoutMs)
      child.once('error', fail)
      child.once('close', (code) => {
        clearTimeout(timer)
        resolve({ ok: code === 0, output, errno: undefined })
      })
    } catch (error) {
      fail(error)
    }
  })
}

export function asUser(user: OsUser) {
  return { env: CLEAN_ENV, ...(user && { uid: user.uid, gid: user.gid }) }
}

export function isAlive(pid: number): boolean {
  try {
    return process.kill(pid, 0)
  } catch (error) {
    return errnoOf(error) === 'EPERM'
  }
}

/** Whether process `pid` is a postmaster on `directory` (a real path). Zombies are not. */
export async function isPostmasterOf(pid: number, directory: string): Promise<boolean> {
  if (!isAlive(pid)) return false
  if (process.platform !== 'linux') {
    const { output } = await run('/bin/ps', ['-ww', '-o', 'command=', '-p', String(pid)], undefined, 5_000)
    return /(^|\/)postgres -D /.test(output) && output.includes(directory)
  }
  const argv = (await readFile(`/proc/${pid}/cmdline`, 'utf8').catch(() => '')).split('\0')
  if (path.basename(argv[0] ?? '') !== 'postgres') return false
  // A postmaster works in its data directory; that still holds after the folder was renamed or removed.
  const cwd = await readlink(`/proc/${pid}/cwd`).catch(() => undefined)
  return cwd === undefined ? argv.includes(directory) : cwd.replace(/ \(deleted\)$/, '') === directory
}
