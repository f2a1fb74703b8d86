import { randomBytes } from 'node:crypto'
import { setTimeout as sleep } from 'node:timers/promises'
import pg from 'pg'
import { migrate } from '../../src/db/migrate.js'
import { Names } from '../../src/db/names.js'
import { clientFor, type DjangoSchema, loadDjango, schemaUnderTest, userModelOf } from './django-schemas.js'
import { runPid, testServerUrl } from './postgres.js'

const LOCK = '8035201170391120917'

export interface TestDatabase {
  url: string
  pool: pg.Pool
}

/** What a database is a copy of. It is made once a run. */
export interface Template {
  /** Of its own: part of the name of a database. */
  name: string
  /** Fills an empty database, and leaves nobody connected to it. */
  make(url: string): Promise<unknown>
}

interface DatabaseOptions {
  /** `migrated` has our tables, `empty` has none. */
  template?: 'migrated' | 'empty' | Template
  /** Whose tables ours are beside; those that our migrations make by default. */
  django?: DjangoSchema | undefined
}

const migratedOn = (django: DjangoSchema | undefined): Template => ({
  name: `migrated_${(django ?? 'ours').replace(/\W/g, '_')}`,
  async make(url) {
    if (django) await withClient(url, (client) => loadDjango(client, django))
    await migrate(url, { names: new Names({ userModel: userModelOf(django) }) })
  },
})

/**
 * A database of its own for a test. Dropped when `t` is over; what was registered with `t.teardown` after this call is
 * torn down before it.
 */
export async function createDatabase(
  t: { teardown(fn: () => unknown): unknown },
  { template = 'migrated', django = schemaUnderTest() }: DatabaseOptions = {},
): Promise<TestDatabase> {
  const server = await testServerUrl()
  const source =
    template === 'empty'
      ? 'template0'
      : await makeTemplate(server, template === 'migrated' ? migratedOn(django) : template)
  const name = `test_${process.pid}_${randomBytes(4).toString('hex')}`
  await withClient(server, (client) => client.query(`create database ${name} template ${source}`))
  const url = urlOf(server, name)
  const pool = new pg.Pool({
    connectionString: url,
    max: 10,
    connectionTimeoutMillis: 60_000,
    Client: clientFor(django),
  })
  pool.on('error', () => {})
  t.teardown(async () => {
    // A client that a failed test has not given back must not hold up the rest.
    await Promise.race([pool.end(), sleep(1_000, undefined, { ref: false })])
    await withClient(server, (client) => client.query(`drop database if exists ${name} with (force)`))
  })
  return { url, pool }
}

/** Removes the templates of a run from a server that is not the run's own. */
export async function dropTemplates(server: string, run: number): Promise<void> {
  await withClient(server, async (client) => {
    const { rows } = await client.query('select datname from pg_database where starts_with(datname, $1)', [
      templateOf(run, ''),
    ])
    for (const { datname } of rows) await dropWhole(client, datname)
  })
}

/** Migrates once a run; all other databases are copies. */
async function makeTemplate(server: string, { name: kind, make }: Template): Promise<string> {
  const name = templateOf(runPid, kind)
  await withClient(server, async (client) => {
    if (await isReady(client, name)) return
    await client.query('select pg_advisory_lock($1)', [LOCK])
    if (await isReady(client, name)) return
    await dropWhole(client, name)
    await client.query(`create database ${name} template template0`)
    await make(urlOf(server, name))
    // PostgreSQL copies only a database that nobody is connected to.
    await client.query(`alter database ${name} with is_template true allow_connections false`)
  })
  return name
}

function templateOf(run: number, kind: string): string {
  return `test_template_${run}_${kind}`
}

async function isReady(client: pg.Client, name: string): Promise<boolean> {
  const { rowCount } = await client.query('select from pg_database where datname = $1 and datistemplate', [
    name,
  ])
  return rowCount === 1
}

async function dropWhole(client: pg.Client, name: string): Promise<void> {
  if (await isReady(client, name)) await client.query(`alter database ${name} with is_template false`)
  await client.query(`drop database if exists ${name} with (force)`)
}

function urlOf(server: string, database: string): string {
  const url = new URL(server)
  url.pathname = `/${database}`
  return url.href
}

async function withClient<T>(url: string, work: (client: pg.Client) => Promise<T>): Promise<T> {
  const client = new pg.Client({
    connectionString: url,
    connectionTimeoutMillis: 60_000,
    query_timeout: 60_000,
  })
  client.on('error', () => {})
  await client.connect()
  try {
    return await work(client)
  } finally {
    await client.end()
  }
}
