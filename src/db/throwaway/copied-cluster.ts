/** A PostgreSQL of its own on a copy of the template, in a temporary folder. */
import { chmod, chown, constants, copyFile, mkdir, readdir } from 'node:fs/promises'
import os from 'node:os'
import path from 'node:path'
import { startEmbeddedPostgres } from '../embedded-postgres.js'
import { type OsUser, unprivilegedUser } from '../embedded/os.js'
import { makeGuardedFolder } from './guarded-folder.js'
import { provideTemplate, UNSAFE } from './template.js'

/** Short, so that a socket's path has room below it. */
const PREFIX = 'ua-mock-'

/** @throws EmbeddedPostgresError where PostgreSQL can't be run here */
export async function startCopiedCluster(log: (message: string) => void) {
  const user = await unprivilegedUser()
  const template = await provideTemplate()
  const { folder, remove } = await makeGuardedFolder(os.tmpdir(), PREFIX)
  try {
    await copyTree(template, path.join(folder, 'postgres'), user)
    const server = await startEmbeddedPostgres({ dataDir: folder, settings: UNSAFE, log })
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

/** Copies folders and files for `owner`; where the file system can, only what changes takes room. */
async function copyTree(from: string, to: string, owner: OsUser): Promise<void> {
  const own = async (file: string) => owner && chown(file, owner.uid, owner.gid)
  await mkdir(to, { mode: 0o700 })
  const entries = await readdir(from, { withFileTypes: true })
  await Promise.all(
    entries.map(async (entry) => {
      const [source, target] = [path.join(from, entry.name), path.join(to, entry.name)]
      if (entry.isDirectory()) return copyTree(source, target, owner)
      await copyFile(source, target, constants.COPYFILE_FICLONE)
      await own(target)
    }),
  )
  await chmod(to, 0o700)
  await own(to)
}
