/** `user-admin start`: the service, until a signal ends it. */
import { readFile, writeFile } from 'node:fs/promises'
import path from 'node:path'
import closeWithGrace from 'close-with-grace'
import type { Config } from '../config.js'
import { Database } from '../db/database.js'
import { assertMigrated, migrate } from '../db/migrate.js'
import { startEmbeddedPostgres } from '../db/embedded-postgres.js'
import { makeFirstSuperuser } from '../domain/first-superuser.js'
import { buildServer } from '../server.js'
import pg from 'pg'

/** The file that holds the first API key. */
const KEY_FILE = 'api-key'

/** Starts the service and says where it is. Returns when it listens; a signal ends the process. */
export async function start(config: Config): Promise<void> {
  const embedded = config.DATABASE_URL === undefined ? await startEmbeddedPostgres({ dataDir: config.DATA_DIR }) : undefined
  const stop = async () => embedded?.stop()
  try {
    const url = embedded?.url ?? config.DATABASE_URL!
    if (config.MIGRATE) await migrate(url)
    else await assertMigrated(url)
    const keyFile = path.join(config.DATA_DIR, KEY_FILE)
    const isNew = embedded !== undefined && (await makeFirstUser(url, keyFile))
    const service = await buildServer(config, url)
    closeWithGrace({ delay: config.SHUTDOWN_TIMEOUT_MS, logger: false }, async ({ err }) => {
      if (err) service.app.log.fatal({ err }, 'ended by an error')
      await service.close()
      await stop()
    })
    const address = await service.listen()
    process.stderr.write(await greeting(address, config, embedded && { keyFile, isNew }))
  } catch (error) {
    await stop().catch(() => {})
    throw error
  }
}

async function makeFirstUser(url: string, keyFile: string): Promise<boolean> {
  const pool = new pg.Pool({ connectionString: url, max: 1 })
  try {
    const database = new Database(pool, { timeoutMs: 30_000, prepared: false })
    return await makeFirstSuperuser(database, (key) => writeFile(keyFile, `${key}\n`, { mode: 0o600 }))
  } finally {
    await pool.end()
  }
}

/** A few lines for whoever started it. On standard error, since standard output is the log. */
async function greeting(
  address: string,
  config: Config,
  embedded: { keyFile: string; isNew: boolean } | undefined,
): Promise<string> {
  const lines = [`fastify-user-admin  ${address}${config.PREFIX}/`, `Swagger UI          ${address}/docs`]
  if (embedded !== undefined) {
    const { keyFile, isNew } = embedded
    const kept = await readFile(keyFile, 'utf8').then(() => true, () => false)
    if (kept) lines.push(`API key             ${keyFile}${isNew ? '  (new, of the superuser admin)' : ''}`)
    lines.push('', 'Try it:', ...(kept ? tryIt(address, config.PREFIX, keyFile) : MAKE_KEY))
  }
  return `\n${lines.join('\n')}\n\n`
}

const tryIt = (address: string, prefix: string, keyFile: string) => [
  `  curl -X PATCH ${address}${prefix}/users/1/ \\`,
  `    -H "Authorization: Bearer $(cat ${quote(keyFile)})" \\`,
  `    -H 'Content-Type: application/json' -d '{"first_name": "Ada"}'`,
]
const MAKE_KEY = ['  npm run -s cli -- create-key --username admin']

const quote = (file: string) => (/^[\w./-]+$/.test(file) ? file : `'${file.replaceAll("'", "'\\''")}'`)
