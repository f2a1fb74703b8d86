/** The production service on a database of its own, and the fixtures that tests put into it. */
import type { OutgoingHttpHeaders } from 'node:http'
import type pg from 'pg'
import { type Config, naming, readConfig, type SettingName } from '../../src/config.js'
import { insertApiKey } from '../../src/db/api-keys.js'
import { Database } from '../../src/db/database.js'
import { Names } from '../../src/db/names.js'
import { hashApiKey, makeApiKey, visiblePrefix } from '../../src/domain/api-key.js'
import { makeUnusablePassword } from '../../src/domain/passwords/unusable.js'
import { buildServer, type Service } from '../../src/server.js'
import { type Answer, exchange } from '../../src/contract/http.js'
import { createDatabase, type TestDatabase } from './database.js'
import { schemaUnderTest, userModelOf } from './django-schemas.js'

export type { Answer } from '../../src/contract/http.js'

export interface RequestOptions {
  /** An API key, sent as `Authorization: Bearer`. */
  key?: string | undefined
  /** A JSON body. */
  body?: unknown
  /** A body as it is, with no media type but the one in `headers`. */
  rawBody?: string | Buffer | undefined
  headers?: OutgoingHttpHeaders | undefined
}

/** The columns of `auth_user`, and the user's sets. */
export interface UserFixture {
  password: string
  last_login: string | null
  is_superuser: boolean
  username: string
  first_name: string
  last_name: string
  email: string
  is_staff: boolean
  is_active: boolean
  date_joined: string
  groups: number[]
  user_permissions: number[]
}

export interface TestService {
  /** Where it listens, without a final slash. */
  url: string
  /** Its database, for another service beside it. */
  database: TestDatabase
  close(): Promise<void>
  /** The URL of its database. */
  databaseUrl: string
  /** Connections to its database, for the test's own use. */
  pool: pg.Pool
  app: Service['app']
  metricsUrl: Service['metricsUrl']
  request(method: string, path: string, options?: RequestOptions): Promise<Answer>
  /** @returns the id of a user: active, no staff, with no permission, unless `fields` says otherwise */
  makeUser(fields?: Partial<UserFixture>): Promise<number>
  /** @returns the id of a group that confers these permissions */
  makeGroup(permissionIds?: number[]): Promise<number>
  /** @returns the id of a permission of an app of the tests' own */
  makePermission(): Promise<number>
  /** @returns the id of one of Django's own permissions, such as `change_user` */
  findPermission(codename: string): Promise<number>
  /** @returns an API key of the user */
  makeKey(userId: number, options?: { expiresAt?: string }): Promise<string>
  /** A staff user with a key: a superuser unless `fields` says otherwise. */
  makeCaller(fields?: Partial<UserFixture>): Promise<{ id: number; key: string }>
}

/** The machine that tests run on may be slow: nothing is refused for that. */
const TEST_SETTINGS = {
  PORT: '0',
  LOG_LEVEL: 'silent',
  MAX_EVENT_LOOP_DELAY_MS: '0',
  DATABASE_TIMEOUT_MS: '60000',
}

/** Names that no other fixture has. */
let fixtures = 0

/**
 * Starts the service as `npm start` would, on a free port; it ends with `t`.
 * @param settings environment variables, such as `PATCH_REQUIRED`
 * @param database that of another service, to run beside it; a new one by default
 */
export async function startService(
  t: { teardown(fn: () => unknown): unknown },
  settings: Partial<Record<SettingName, string>> = {},
  database?: TestDatabase,
): Promise<TestService> {
  const own = database ?? (await createDatabase(t))
  const { url: databaseUrl, pool } = own
  const AUTH_USER_MODEL = userModelOf(schemaUnderTest())
  const config = readConfig({ ...TEST_SETTINGS, AUTH_USER_MODEL, ...settings })
  const service = await buildServer(config, databaseUrl)
  t.teardown(() => service.close())
  const url = await service.listen()
  const { app, close, metricsUrl } = service
  return {
    url,
    database: own,
    databaseUrl,
    pool,
    app,
    close,
    metricsUrl,
    request: requester(url),
    ...fixturesOf(pool, config),
  }
}

/** A function that makes requests to the service at `url`. */
export function requester(url: string): TestService['request'] {
  const origin = new URL(url)
  return (method, path, { key, body, rawBody, headers } = {}) =>
    exchange(origin, {
      method,
      path,
      body: rawBody ?? (body === undefined ? undefined : JSON.stringify(body)),
      headers: {
        ...(key === undefined ? {} : { authorization: `Bearer ${key}` }),
        ...(body === undefined ? {} : { 'content-type': 'application/json' }),
        ...headers,
      },
    })
}

/** What puts users, groups and keys into a database. */
export function fixturesOf(pool: pg.Pool, config: Config) {
  const names = new Names(naming(config))
  const database = new Database(pool, { timeoutMs: 10_000, prepared: false, names })
  const query = (sql: string, values: unknown[]) => pool.query(names.inSql(sql), values)
  const insert = async (sql: string, values: unknown[]): Promise<number> => {
    const { rows } = await query(`${sql} returning id`, values)
    return Number(rows[0]!.id)
  }

  async function makeUser(fields: Partial<UserFixture> = {}): Promise<number> {
    const { groups, user_permissions, ...columns } = { ...plainUser(`user-${++fixtures}`), ...fields }
    const names = Object.keys(columns)
    const places = names.map((_, index) => `$${index + 1}`)
    const sql = `insert into auth_user (${names.join(', ')}) values (${places.join(', ')})`
    const id = await insert(sql, Object.values(columns))
    await query('insert into auth_user_groups (user_id, group_id) select $1, unnest($2::int[])', [id, groups])
    await query(
      'insert into auth_user_user_permissions (user_id, permission_id) select $1, unnest($2::int[])',
      [id, user_permissions],
    )
    return id
  }

  async function makeGroup(permissionIds: number[] = []): Promise<number> {
    const id = await insert('insert into auth_group (name) values ($1)', [`group-${++fixtures}`])
    await query('insert into auth_group_permissions (group_id, permission_id) select $1, unnest($2::int[])', [
      id,
      permissionIds,
    ])
    return id
  }

  const makePermission = (): Promise<number> =>
    insert(
      `with app as (
         insert into django_content_type (app_label, model) values ('tests', 'thing')
         on conflict (app_label, model) do update set model = excluded.model returning id
       )
       insert into auth_permission (name, content_type_id, codename) select $1, id, $1 from app`,
      [`permission-${++fixtures}`],
    )

  async function findPermission(codename: string): Promise<number> {
    const { rows } = await query(
      `select p.id from auth_permission p join django_content_type c on c.id = p.content_type_id
       where c.app_label || '.' || p.codename = $1`,
      [names.permission(`auth.${codename}`)],
    )
    return rows[0]!.id
  }

  async function makeKey(userId: number, { expiresAt = null as string | null } = {}): Promise<string> {
    const key = makeApiKey()
    await insertApiKey(database, { userId, prefix: visiblePrefix(key), hash: hashApiKey(key), expiresAt })
    return key
  }

  async function makeCaller(fields: Partial<UserFixture> = {}): Promise<{ id: number; key: string }> {
    const id = await makeUser({ is_superuser: true, is_staff: true, ...fields })
    return { id, key: await makeKey(id) }
  }

  return { makeUser, makeGroup, makePermission, findPermission, makeKey, makeCaller }
}

const plainUser = (username: string): UserFixture => ({
  password: makeUnusablePassword(),
  last_login: null,
  is_superuser: false,
  username,
  first_name: 'Ada',
  last_name: 'Lovelace',
  email: `${username}@example.com`,
  is_staff: false,
  is_active: true,
  // PostgreSQL keeps microseconds, and a JavaScript Date would not.
  date_joined: '2024-01-15T09:00:00.123456Z',
  groups: [],
  user_permissions: [],
})
