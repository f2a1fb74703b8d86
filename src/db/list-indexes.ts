/** Indexes that make lists of very many users fast. Opt-in: each makes every update of a user dearer. */
import { setTimeout as sleep } from 'node:timers/promises'
import pg from 'pg'
import { SetupError } from '../errors.js'
import { Names } from './names.js'
import { makeClient } from './servers.js'

interface ListIndex {
  /** A definition that changes gets another name: an index that is there is not looked into. */
  name: `user_admin_${string}`
  table: 'auth_user' | 'user_admin.audit_event'
  /** After `on <table>`. Expressions and predicates are those of `user-list.ts`, or no query is served. */
  on: string
  isTrigram?: boolean
}

const TRIGRAM_CLASS = 'gin_trgm_ops'

/** What each is for: docs/decisions/0013-list-indexes.md. Ids last, so that equal values come in the order of a page. */
export const LIST_INDEXES: readonly ListIndex[] = [
  { name: 'user_admin_username_upper', table: 'auth_user', on: '(upper(username))' },
  { name: 'user_admin_email', table: 'auth_user', on: '(email, id)' },
  { name: 'user_admin_email_upper', table: 'auth_user', on: '(upper(email))' },
  { name: 'user_admin_first_name', table: 'auth_user', on: '(first_name, id)' },
  { name: 'user_admin_last_name', table: 'auth_user', on: '(last_name, id)' },
  { name: 'user_admin_date_joined', table: 'auth_user', on: '(date_joined, id)' },
  { name: 'user_admin_last_login', table: 'auth_user', on: "(coalesce(last_login, 'infinity'), id)" },
  { name: 'user_admin_staff', table: 'auth_user', on: '(id) where is_staff' },
  { name: 'user_admin_superusers', table: 'auth_user', on: '(id) where is_superuser' },
  { name: 'user_admin_inactive', table: 'auth_user', on: '(id) where not is_active' },
  {
    name: 'user_admin_search',
    table: 'auth_user',
    on: `using gin ((username || ' ' || first_name || ' ' || last_name || ' ' || email) ${TRIGRAM_CLASS})`,
    isTrigram: true,
  },
  { name: 'user_admin_event_actor', table: 'user_admin.audit_event', on: '(actor_id, id)' },
]

export interface ListIndexOptions {
  /** Told of every step, in a sentence. */
  log?: (message: string) => void
  /** What the project calls its tables. Default: as Django does. */
  names?: Names
}

/** A table as SQL names it. */
const relationOf = (table: ListIndex['table'], names: Names): string =>
  table === 'auth_user' ? names.relation(table) : table

/**
 * Creates those that are missing, one by one, while others read and write. Any number of processes may call it at once,
 * and again after one that was interrupted. Needs the owner of the tables, and a session of its own: no pooler that
 * shares sessions.
 *
 * @returns the names of those that this call created
 */
export const createListIndexes = (
  connectionString: string,
  { log = () => {}, names = new Names() }: ListIndexOptions = {},
): Promise<{ created: string[] }> =>
  withLock(connectionString, async (client) => {
    const created: string[] = []
    for (const index of LIST_INDEXES) {
      const table = relationOf(index.table, names)
      const schema = await schemaOf(client, table)
      const state = await stateOf(client, schema, index.name)
      if (state === 'valid') continue
      const on = index.isTrigram ? await withTrigrams(client, schema, index, log) : index.on
      if (on === undefined) continue
      if (state === 'invalid') {
        log(`dropping the index ${index.name}, which somebody began and did not finish`)
        await drop(client, schema, index.name)
      }
      log(`creating the index ${index.name}`)
      await client.query(`create index concurrently if not exists ${index.name} on ${table} ${on}`)
      created.push(index.name)
    }
    // Also where nothing was created: one that was interrupted may not have come this far. Expressions have statistics too.
    await client.query(`analyze ${relationOf('auth_user', names)}`)
    return { created }
  })

/**
 * Drops them, while others read and write. The extension stays: others may use it.
 *
 * @returns the names of those that this call dropped
 */
export const dropListIndexes = (
  connectionString: string,
  { log = () => {}, names = new Names() }: ListIndexOptions = {},
): Promise<{ dropped: string[] }> =>
  withLock(connectionString, async (client) => {
    const dropped: string[] = []
    for (const { name, table } of LIST_INDEXES) {
      const schema = await schemaOf(client, relationOf(table, names))
      if ((await stateOf(client, schema, name)) === 'absent') continue
      log(`dropping the index ${name}`)
      await drop(client, schema, name)
      dropped.push(name)
    }
    return { dropped }
  })

// A constant for ever, and not that of the migrations.
const LOCK = '7022365713861471076'
const POLL_MS = 200

const CONNECT_TIMEOUT_MS = 10_000

async function withLock<T>(connectionString: string, work: (client: pg.Client) => Promise<T>): Promise<T> {
  const client = makeClient({
    connectionString,
    connectionTimeoutMillis: CONNECT_TIMEOUT_MS,
    application_name: 'fastify-user-admin list indexes',
  })
  // Without a listener a connection that dies between two queries ends the process.
  client.on('error', () => {})
  try {
    await client.connect()
    await assertOwnSession(client)
    await takeLock(client)
    return await work(client)
  } finally {
    // Which gives the lock back as well.
    await client.end().catch(() => {})
  }
}

/** A pooler would keep the lock with a session that others get, and who comes next waits for it for ever. */
async function assertOwnSession(client: pg.Client): Promise<void> {
  const { rows } = await client.query<{ pid: number }>('select pg_backend_pid() as pid')
  // Not in the types of pg: what the server called itself when it was connected to.
  if (rows[0]!.pid === (client as pg.Client & { processID?: number }).processID) return
  throw new SetupError(
    'These indexes need a session of its own, and there is a pooler before the database. ' +
      'For this command, let DATABASE_URL name PostgreSQL itself.',
  )
}

/** Asks again and again: a session that waits holds a snapshot, and who builds an index waits for all snapshots. */
async function takeLock(client: pg.Client): Promise<void> {
  for (;;) {
    const { rows } = await client.query<{ taken: boolean }>('select pg_try_advisory_lock($1) as taken', [
      LOCK,
    ])
    if (rows[0]!.taken) return
    await sleep(POLL_MS)
  }
}

/** The schema in which a table is found, quoted. Its indexes are in the same. */
async function schemaOf(client: pg.Client, table: string): Promise<string> {
  const { rows } = await client.query<{ schema: string }>(
    `select quote_ident(n.nspname) as schema from pg_class c join pg_namespace n on n.oid = c.relnamespace
     where c.oid = to_regclass($1)`,
    [table],
  )
  if (rows[0] === undefined) {
    throw new SetupError(
      `There is no table ${table.replaceAll('"', '')}: run the migrations first, or check the search_path.`,
    )
  }
  return rows[0].schema
}

async function stateOf(
  client: pg.Client,
  schema: string,
  name: string,
): Promise<'valid' | 'invalid' | 'absent'> {
  const { rows } = await client.query<{ isValid: boolean }>(
    'select indisvalid as "isValid" from pg_index where indexrelid = to_regclass($1)',
    [`${schema}.${name}`],
  )
  if (rows[0] === undefined) return 'absent'
  return rows[0].isValid ? 'valid' : 'invalid'
}

const drop = (client: pg.Client, schema: string, name: string) =>
  client.query(`drop index concurrently if exists ${schema}.${name}`)

/** The definition with the operator class where it is; undefined where there is none and it can't be had. */
async function withTrigrams(
  client: pg.Client,
  schema: string,
  { name, on }: ListIndex,
  log: (message: string) => void,
): Promise<string | undefined> {
  try {
    await client.query(`create extension if not exists pg_trgm with schema ${schema}`)
  } catch (error) {
    if (!isOutOfReach(error)) throw error
    log(
      `left out the index ${name}, so search goes on reading every user: the extension pg_trgm can't be created ` +
        `(${error.message}). Have an administrator run "create extension pg_trgm" in this database, and try again.`,
    )
    return undefined
  }
  const { rows } = await client.query<{ schema: string }>(
    `select quote_ident(n.nspname) as schema from pg_extension e join pg_namespace n on n.oid = e.extnamespace
     where e.extname = 'pg_trgm'`,
  )
  return on.replace(TRIGRAM_CLASS, `${rows[0]!.schema}.${TRIGRAM_CLASS}`)
}

/** The role may not, or the server has no such extension. */
const OUT_OF_REACH = new Set(['42501', '0A000', '58P01'])

const isOutOfReach = (error: unknown): error is pg.DatabaseError =>
  error instanceof pg.DatabaseError && OUT_OF_REACH.has(error.code ?? '')
