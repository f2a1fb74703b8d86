// A directory that grows while the service runs: a request goes on to read the rows that it is about, and no others.
import { randomUUID } from 'node:crypto'
import { setTimeout as sleep } from 'node:timers/promises'
import pg from 'pg'
import t, { type Test } from 'tap'
import { commandsOn, ndjson } from '../helpers/directory-files.js'
import { startService } from '../helpers/service.js'

/** Users when the service begins, and when it is measured. */
const FEW = 30
const MANY = 30_000

/** PostgreSQL keeps a plan from the sixth time on. */
const WARM_UPS = 12
const MEASURED = 20

/** Rows of one request. Whoever reads a whole table of users or of memberships reads `MANY`. */
const MOST = 500

/** PostgreSQL's backends tell what they did once a second at most. */
const TOLD_AFTER_MS = 1_100

type Call = (id: number, turn: number) => [method: string, path: string, body?: unknown]

async function startGrowing(t: Test) {
  const service = await startService(t, {
    PASSWORD_HASHER: 'pbkdf2_sha256',
    PBKDF2_ITERATIONS: '1',
    // Whose plans are known, and which is asked at any time to tell what it did.
    POOL_SIZE: '1',
  })
  const { pool, request, makeUser, makeGroup, makePermission, makeCaller } = service
  const { key } = await makeCaller({ username: 'root' })
  const [group, permission] = [await makeGroup([await makePermission()]), await makePermission()]
  const ids = await Promise.all(
    Array.from({ length: FEW }, () => makeUser({ groups: [group], user_permissions: [permission] })),
  )
  // As if nobody came by: when it does, how long a fault lasts is a matter of luck.
  for (const table of ['auth_user', 'auth_user_groups', 'auth_user_user_permissions'])
    await pool.query(`alter table ${table} set (autovacuum_enabled = false)`)
  await pool.query('analyze')

  const changes: Record<string, Call> = {
    'a name': (id, turn) => ['PATCH', `/users/${id}/`, { first_name: `Ada ${turn}` }],
    'a username': (id, turn) => ['PATCH', `/users/${id}/`, { username: `ada-${id}-${turn}` }],
    sets: (id, turn) => [
      'PATCH',
      `/users/${id}/`,
      turn % 2 === 0
        ? { groups: [], user_permissions: [] }
        : { groups: [group], user_permissions: [permission] },
    ],
    'a membership': (id, turn) => [turn % 2 === 0 ? 'DELETE' : 'PUT', `/users/${id}/groups/${group}/`],
    'a superuser': (id, turn) => ['PATCH', `/users/${id}/`, { is_superuser: turn % 2 === 0 }],
    'a new user': () => [
      'POST',
      '/users/',
      { username: randomUUID(), password: 'correct horse', groups: [group] },
    ],
    'several users': (id, turn) => [
      'PATCH',
      '/users/',
      [
        { id, last_name: `One ${turn}` },
        { id: ids.find((other) => other !== id), last_name: `Two ${turn}` },
      ],
    ],
  }
  const reads: Record<string, Call> = {
    'one user': (id) => ['GET', `/users/${id}/`],
    'what a user may do': (id) => ['GET', `/users/${id}/permissions/`],
    'who calls': () => ['GET', '/me/'],
  }

  async function repeat(t: Test, call: Call, count: number) {
    for (let turn = 0; turn < count; turn++) {
      const [method, path, body] = call(ids[turn % FEW]!, turn)
      const answer = await request(method, `/admin${path}`, { key, body })
      if (answer.status >= 300) t.fail(`${method} ${path}: ${answer.status} ${JSON.stringify(answer.body)}`)
    }
  }

  /** Rows that all of the tables and indexes were asked for. */
  async function rowsRead(t: Test): Promise<number> {
    await sleep(TOLD_AFTER_MS)
    await repeat(t, reads['one user']!, 1)
    const { rows } = await pool.query(`
      select (select sum(seq_tup_read) from pg_stat_user_tables where relname like 'auth_user%')
           + (select sum(idx_tup_read) from pg_stat_user_indexes where relname like 'auth_user%') as read`)
    return Number(rows[0].read)
  }

  return {
    ...service,
    changes,
    reads,
    warmUp: async (t: Test, calls: Record<string, Call>) => {
      for (const call of Object.values(calls)) await repeat(t, call, WARM_UPS)
    },
    readsFew: async (t: Test, calls: Record<string, Call>) => {
      for (const [name, call] of Object.entries(calls)) {
        const before = await rowsRead(t)
        await repeat(t, call, MEASURED)
        const each = ((await rowsRead(t)) - before) / MEASURED
        t.ok(each > 0 && each < MOST, `${name}: ${each} rows a request`)
      }
    },
  }
}

t.test('changes, in a directory that others fill', async (t) => {
  const { databaseUrl, changes, reads, warmUp, readsFew } = await startGrowing(t)
  await warmUp(t, { ...changes, ...reads })
  const others = new pg.Client(databaseUrl)
  await others.connect()
  await others.query(`
    with grown as (
      insert into auth_user (password, is_superuser, username, first_name, last_name, email, is_staff, is_active, date_joined)
      select '!', false, 'grown-' || n, '', '', '', false, true, now() from generate_series(1, ${MANY}) as n returning id
    ), members as (
      insert into auth_user_groups (user_id, group_id) select grown.id, g.id from grown, (select min(id) as id from auth_group) g
    )
    insert into auth_user_user_permissions (user_id, permission_id)
    select grown.id, p.id from grown, (select id from auth_permission order by id desc limit 1) p`)
  // With its end it has told what it did.
  await others.end()
  await readsFew(t, changes)
})

t.test('all, in a directory that an import fills', async (t) => {
  const service = await startGrowing(t)
  const { pool, changes, reads, warmUp, readsFew } = service
  // What both need is planned for a read first.
  await warmUp(t, { ...reads, ...changes })
  const { rows } = await pool.query(`
    select g.name as group, 'tests.' || p.codename as permission from auth_group g, auth_permission p
    order by p.id desc limit 1`)
  const users = Array.from({ length: MANY }, (_, index) => ({
    username: `grown-${index}`,
    groups: [rows[0].group],
    user_permissions: [rows[0].permission],
  }))
  const { put, importFile } = await commandsOn(t, service.database)
  const { status, stderr } = await importFile(await put(ndjson(users)))
  t.equal(status, 0, stderr)
  const known = await pool.query(`select reltuples from pg_class where oid = 'auth_user'::regclass`)
  t.ok(known.rows[0].reltuples >= 10_000, `PostgreSQL knows of ${known.rows[0].reltuples} users`)
  await readsFew(t, { ...changes, ...reads })
})
