/** Folders that are gone when the process that made them is, however it ended, with the PostgreSQL that ran on them. */
import { type ChildProcess, spawn } from 'node:child_process'
import { chmod, lstat, mkdtemp, readdir, rm } from 'node:fs/promises'
import type { Socket } from 'node:net'
import path from 'node:path'
import { CLEAN_ENV, isAlive } from '../embedded/os.js'
import { readLock } from '../embedded/postmaster.js'
import { answers } from '../embedded/socket.js'

export interface GuardedFolder {
  folder: string
  /** The folder stays as it is, or has been moved. */
  release(): void
  remove(): Promise<void>
}

/**
 * Waits for the end of its input, which is that of our process too, and tidies up: the server dies at once, since nothing
 * of it is needed. A line means that there is nothing to do.
 */
const GUARD = `
read -r line && exit
pid=$(head -n 1 "$1/postgres/postmaster.pid") && kill -QUIT "$pid"
for second in 1 2 3 4 5; do kill -0 "$pid" || break; sleep 1; done
rm -rf "$1"`

/**
 * Makes a folder that other users may enter, as root's PostgreSQL must.
 * @param prefix of its name, without a path; also what an earlier process has left below `parent` goes by it
 */
export async function makeGuardedFolder(parent: string, prefix: string): Promise<GuardedFolder> {
  await removeLeftOver(parent, prefix)
  const folder = await mkdtemp(path.join(parent, `${prefix}${process.pid}-`))
  const guard = startGuard(folder)
  await chmod(folder, 0o755)
  return {
    folder,
    release: () => dismiss(guard),
    remove: async () => {
      await rm(folder, { recursive: true, force: true, maxRetries: 5 })
      dismiss(guard)
    },
  }
}

function startGuard(folder: string): ChildProcess {
  const guard = spawn('/bin/sh', ['-c', GUARD, 'sh', folder], {
    cwd: '/',
    env: CLEAN_ENV,
    // Neither Ctrl-C nor a kill of our process group is for it.
    detached: true,
    stdio: ['pipe', 'ignore', 'ignore'],
  })
  // Where there is no shell, the next start tidies up.
  guard.on('error', () => {})
  guard.stdin!.on('error', () => {})
  guard.unref()
  ;(guard.stdin as Socket).unref()
  return guard
}

const dismiss = (guard: ChildProcess): void => void guard.stdin?.end('done\n')

/** What a process has left that was killed together with its guard. A server without its folder ends by itself. */
async function removeLeftOver(parent: string, prefix: string): Promise<void> {
  for (const name of await readdir(parent).catch(() => [])) {
    const [, pid] = name.startsWith(prefix) ? (/^(\d+)-\w+$/.exec(name.slice(prefix.length)) ?? []) : []
    const folder = path.join(parent, name)
    if (!pid || isAlive(Number(pid)) || !(await isAbandoned(folder))) continue
    await rm(folder, { recursive: true, force: true }).catch(() => {})
  }
}

/** Not so what another container uses, whose processes are hidden from us. */
async function isAbandoned(folder: string): Promise<boolean> {
  try {
    if ((await lstat(folder)).uid !== process.getuid?.()) return false
    const lock = await readLock(path.join(folder, 'postgres'))
    return lock === undefined || !(await answers(lock))
  } catch {
    return false
  }
}
