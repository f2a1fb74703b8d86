import { spawn } from 'node:child_process'
import { mkdirSync, readFileSync } from 'node:fs'
import os from 'node:os'
import path from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'

/**
 * One PostgreSQL for a whole run of tests, started by the first test file that asks for it. A keeper process
 * holds it and watches the run: when that is over, be it by Ctrl-C or kill -9, it stops the server and
 * removes its folder.
 */

const START_TIMEOUT_MS = 60_000

/** The URL of the server that the tests run on: TEST_DATABASE_URL, or that of this run's own cluster. */
export async function testServerUrl(): Promise<string> {
  return process.env.TEST_DATABASE_URL || (await ownServerUrl())
}

/** The process whose end is the end of the run: tap, or this file where it is run by itself. */
export const runPid = process.env.TAP_CHILD_ID ? process.ppid : process.pid

export function runFolder(pid = runPid): string {
  return path.join(os.tmpdir(), `user-admin-test-${process.getuid?.() ?? 0}-${pid}`)
}

async function ownServerUrl(): Promise<string> {
  const folder = runFolder()
  if (claim(folder)) startKeeper(folder)
  for (const began = Date.now(); Date.now() - began < START_TIMEOUT_MS; await sleep(20)) {
    const failure = read(path.join(folder, 'failure'))
    if (failure) throw new Error(`The tests' PostgreSQL did not start: ${failure}`)
    const url = read(path.join(folder, 'url'))
    if (url) return url
  }
  throw new Error(
    `The tests' PostgreSQL did not start within ${START_TIMEOUT_MS} ms: see ${folder}, remove it`,
  )
}

function claim(folder: string): boolean {
  try {
    // Open to the unprivileged user whom root runs PostgreSQL as.
    mkdirSync(folder, { mode: 0o755 })
    return true
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'EEXIST') return false
    throw error
  }
}

function startKeeper(folder: string): void {
  const keeper = fileURLToPath(new URL('postgres-keeper.ts', import.meta.url))
  const child = spawn(
    process.execPath,
    ['--import', import.meta.resolve('tsx'), keeper, String(runPid), folder],
    {
      // Neither tap's loaders nor Ctrl-C are for it.
      env: { PATH: process.env.PATH },
      detached: true,
      stdio: 'ignore',
    },
  )
  child.unref()
}

function read(file: string): string {
  try {
    return readFileSync(file, 'utf8')
  } catch {
    return ''
  }
}
