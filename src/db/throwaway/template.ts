/** A cluster whose tables are made already, kept to be copied: initdb and the migrations take more than a second. */
import { createHash } from 'node:crypto'
import { lstat, readFile, rename } from 'node:fs/promises'
import path from 'node:path'
import { startEmbeddedPostgres } from '../embedded-postgres.js'
import { cacheFolders, findPackage, openCache } from '../embedded/binaries.js'
import { errnoOf } from '../embedded/error.js'
import { migrate } from '../migrate.js'
import { migrations } from '../migrations/index.js'
import { withClient } from './client.js'
import { makeGuardedFolder } from './guarded-folder.js'

/** What is written need not outlive a power failure. */
export const UNSAFE = { fsync: 'off', synchronous_commit: 'off', full_page_writes: 'off' }

/** The only one: initdb makes it, and one more would be three hundred files to copy. */
export const DATABASE = 'postgres'

/** Whatever else is done to it; a change of it makes new ones. */
const RECIPE = 'one database'

/** Small segments: there are fewer megabytes to copy. */
const INITDB = ['--wal-segsize=1']

/**
 * The data directory of a cluster with one migrated database, to be copied. Made where there is none for this PostgreSQL
 * and these migrations; several processes may do so at once.
 * @throws EmbeddedPostgresError
 */
export async function provideTemplate(caches: readonly string[] = cacheFolders()): Promise<string> {
  const name = `mock-${await fingerprint()}`
  let trouble: unknown
  for (const cache of caches) {
    try {
      await openCache(cache)
      const place = path.join(cache, name)
      if (!(await exists(place))) await makeTemplate(place)
      return path.join(place, 'postgres')
    } catch (error) {
      trouble = error
    }
  }
  throw trouble
}

/** Of all that a template is made by: the programs, and the migrations as they are written. */
async function fingerprint(): Promise<string> {
  const sum = createHash('sha256').update(await readFile(path.join(findPackage(), 'package.json')))
  // All are in one file, once they are bundled.
  for (const file of new Set(migrations.map(({ file }) => file))) sum.update(await readFile(file))
  return sum.update(INITDB.join()).update(RECIPE).digest('hex').slice(0, 16)
}

/** Without the databases that others would be made of: they are most of the files. */
async function migrateAlone(url: string): Promise<void> {
  await migrate(url)
  await withClient(url, async (client) => {
    for (const name of ['template0', 'template1']) {
      await client.query(`alter database ${name} is_template false`)
      await client.query(`drop database ${name}`)
    }
  })
}

/** Whole or not at all: in a folder that is renamed when complete. */
async function makeTemplate(place: string): Promise<void> {
  const made = await makeGuardedFolder(path.dirname(place), `${path.basename(place)}.`)
  try {
    const server = await startEmbeddedPostgres({
      dataDir: made.folder,
      database: DATABASE,
      settings: UNSAFE,
      initdb: INITDB,
    })
    await migrateAlone(server.url).finally(server.stop)
    await rename(made.folder, place)
    made.release()
  } catch (error) {
    await made.remove()
    // Another process was faster; its template is as good.
    if (!['ENOTEMPTY', 'EEXIST'].includes(errnoOf(error) ?? '')) throw error
  }
}

const exists = (file: string): Promise<boolean> =>
  lstat(file).then(
    () => true,
    () => false,
  )
