/** The PostgreSQL of a run, durable as it is by default, and directories of users in it. */
import { readFile } from 'node:fs/promises'
import path from 'node:path'
import pg from 'pg'
import { startEmbeddedPostgres } from '../src/db/embedded-postgres.js'
import { migrate } from '../src/db/migrate.js'
import { hashApiKey, makeApiKey, visiblePrefix } from '../src/domain/api-key.js'
import type { Resources } from './resources.js'

export interface Server {
  pid: number
  /** Makes an empty database. @returns its URL */
  createDatabase(name: string): Promise<string>
  /** Whoever is connected to it loses the connection. */
  dropDatabase(name: string): Promise<void>
}

/** A database full of users. */
export interface Directory {
  url: string
  /** Connections for the run's own questions. */
  pool: pg.Pool
  /** Their ids are 1 to this; none of them is staff. */
  users: number
  /** Keys of two more users, both staff: a superuser, and one that merely holds `auth.change_user`. */
  superuserKey: string
  limitedKey: string
}

export async function startServer(resources: Resources, dataDir: string): Promise<Server> {
  const postgres = await startEmbeddedPostgres({ dataDir })
  resources.add(() => postgres.stop())
  const lock = await readFile(path.join(dataDir, 'postgres/postmaster.pid'), 'utf8')
  const admin = openPool(resources, postgres.url)
  return {
    pid: Number(lock.split('\n', 1)[0]),
    async createDatabase(name) {
      await admin.query(`create database ${name} template template0`)
      const url = new URL(postgres.url)
      url.pathname = name
      return url.href
    },
    async dropDatabase(name) {
      await admin.query(`drop database ${name} with (force)`)
    },
  }
}

function openPool(resources: Resources, url: string): pg.Pool {
  const pool = new pg.Pool({ connectionString: url, max: 2, connectionTimeoutMillis: 10_000 })
  // The server may be stopped first, and a connection that is lost then harms nobody.
  pool.on('error', () => {})
  resources.add(() => pool.end())
  return pool
}

/** Makes a database with this many users, as a Django project of some age has them. */
export async function makeDirectory(
  resources: Resources,
  server: Server,
  name: string,
  users: number,
): Promise<Directory> {
  const url = await server.createDatabase(name)
  await migrate(url)
  const pool = openPool(resources, url)
  const client = await pool.connect()
  try {
    // Checking every foreign key of what is known to be sound would take minutes.
    await client.query('set session_replication_role = replica')
    await client.query(GROUPS)
    await client.query(USERS, [users])
    await client.query(MEMBERSHIPS)
    const [superuser, limited] = await insertStaff(client, users)
    await client.query('reset session_replication_role')
    const superuserKey = await insertKey(client, superuser)
    const limitedKey = await insertKey(client, limited)
    await client.query('vacuum (analyze)')
    return { url, pool, users, superuserKey, limitedKey }
  } finally {
    client.release()
  }
}

const GROUPS = `
insert into auth_group (id, name) select n, 'group ' || n from generate_series(1, 20) n;
insert into auth_group_permissions (group_id, permission_id)
  select n, p.id from generate_series(1, 20) n
  join lateral (select id from auth_permission where id % 8 in (n % 8, n * 3 % 8)) p on true`

// A stored hash as Django writes it; nobody logs in with it.
const PASSWORD = 'argon2$argon2id$v=19$m=102400,t=2,p=8$c29tZXNhbHRvZnR3ZW50eQ$0EzLPiYJnlE0rZdTDUXXDQ'

const USERS = `
insert into auth_user (id, password, last_login, is_superuser, username, first_name, last_name, email,
                       is_staff, is_active, date_joined)
  select n, '${PASSWORD}', '2025-03-01 08:30:00.123456+00', false, 'user' || n, 'Ada', 'Lovelace',
         'user' || n || '@example.com', false, true, '2024-01-15 09:00:00.123456+00'
  from generate_series(1, $1::int) n`

const MEMBERSHIPS = `
insert into auth_user_groups (user_id, group_id)
  select id, 1 + id % 20 from auth_user union select id, 1 + (id * 7 + 3) % 20 from auth_user;
insert into auth_user_user_permissions (user_id, permission_id)
  select id, 1 + id % 16 from auth_user where id % 10 = 0`

async function insertStaff(client: pg.PoolClient, users: number): Promise<[number, number]> {
  await client.query(
    `insert into auth_user (id, password, is_superuser, username, first_name, last_name, email, is_staff,
                            is_active, date_joined)
       select $1::int + n, '${PASSWORD}', n = 1, 'staff' || n, 'Grace', 'Hopper', '', true, true, now()
       from generate_series(1, 2) n`,
    [users],
  )
  await client.query(
    `insert into auth_user_user_permissions (user_id, permission_id)
       select $1, id from auth_permission where codename in ('change_user', 'view_user')`,
    [users + 2],
  )
  return [users + 1, users + 2]
}

async function insertKey(client: pg.PoolClient, userId: number): Promise<string> {
  const key = makeApiKey()
  await client.query(
    "insert into user_admin.api_key (user_id, prefix, key_hash) values ($1, $2, decode($3, 'hex'))",
    [userId, visiblePrefix(key), hashApiKey(key)],
  )
  return key
}
