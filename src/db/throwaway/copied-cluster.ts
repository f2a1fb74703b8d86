/** A PostgreSQL of its own on a copy of the template, in a temporary folder. */
import { execFile } from 'node:child_process'
import os from 'node:os'
import path from 'node:path'
import { promisify } from 'node:util'
import { startEmbeddedPostgres } from '../embedded-postgres.js'
import { serverError } from '../embedded/error.js'
import { CLEAN_ENV } from '../embedded/os.js'
import { type GuardedFolder, makeGuardedFolder } from './guarded-folder.js'
import { DATABASE, provideTemplate, UNSAFE } from './template.js'

/** Short, so that a socket's path has room below it. */
const PREFIX = 'ua-mock-'

const run = promisify(execFile)

/**
 * Begins with the copy.
 * @throws EmbeddedPostgresError where PostgreSQL can't be run here
 */
export async function beginCopiedCluster() {
  const template = await provideTemplate()
  return { opened: openCopy(template, await makeGuardedFolder(os.tmpdir(), PREFIX)) }
}

async function openCopy(template: string, { folder, remove }: GuardedFolder) {
  try {
    await copyFolder(template, path.join(folder, 'postgres'))
    const server = await startEmbeddedPostgres({ dataDir: folder, database: DATABASE, settings: UNSAFE })
    return {
      url: server.url,
      close: async () => {
        await server.stop()
        await remove()
      },
    }
  } catch (error) {
    await remove()
    throw error
  }
}

/** Copies a folder with its owner. By `cp`: hundreds of files in this process would hold up whatever it loads meanwhile. */
async function copyFolder(from: string, to: string): Promise<void> {
  await run('cp', ['-Rp', from, to], { env: CLEAN_ENV }).catch((error: Error & { stderr?: string }) => {
    throw serverError(`${from} can't be copied by cp.`, error.stderr || error.message, to)
  })
}
