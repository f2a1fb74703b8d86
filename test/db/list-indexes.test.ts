import { randomBytes } from 'node:crypto'
import type pg from 'pg'
import t, { type Test } from 'tap'
import { Database, type Queryable } from '../../src/db/database.js'
import { type EventFilter, listEvents } from '../../src/db/events.js'
import { completeOrdering, type Page, type PageRequest, positionOf } from '../../src/db/list.js'
import { createListIndexes, dropListIndexes, LIST_INDEXES } from '../../src/db/list-indexes.js'
import { listUsers, type UserFilter, userSource } from '../../src/db/user-list.js'
import type { StoredUser } from '../../src/db/users.js'
import { createDatabase } from '../helpers/database.js'

const NAMES = LIST_INDEXES.map(({ name }) => name)
const USERS = 100_000

t.test('created once, by however many at once, and dropped', async (t) => {
  const { url, pool } = await createDatabase(t)
  const outcomes = await Promise.all([createListIndexes(url), createListIndexes(url)])
  t.strictSame(outcomes.flatMap(({ created }) => created).toSorted(), NAMES.toSorted())
  t.strictSame(await validIndexes(pool), NAMES.toSorted())
  t.strictSame(await createListIndexes(url, { log: (step) => t.fail(step) }), { created: [] })
  t.strictSame((await dropListIndexes(url)).dropped, NAMES)
  t.strictSame(await dropListIndexes(url, { log: (step) => t.fail(step) }), { dropped: [] })
  t.strictSame(await validIndexes(pool), [])
})

t.test('what somebody left unfinished is replaced', async (t) => {
  const { url, pool } = await createDatabase(t)
  await pool.query(makeUsers(10))
  // It fails where names are not unique, and leaves an index that nothing uses.
  const unfinished = 'create unique index concurrently user_admin_last_name on auth_user (last_name)'
  await t.rejects(pool.query(unfinished), { code: '23505' })
  t.strictSame(await validIndexes(pool), [])
  const steps: string[] = []
  await createListIndexes(url, { log: (step) => steps.push(step) })
  t.match(steps.join('\n'), /^dropping the index user_admin_last_name, /m)
  t.strictSame(await validIndexes(pool), NAMES.toSorted())
})

t.test('a role that may not create extensions gets all but the index for searches', async (t) => {
  const { url, pool } = await createDatabase(t)
  const role = `owner_${randomBytes(4).toString('hex')}`
  await pool.query(`create role ${role} login password 'of a test'`)
  t.teardown(async () => {
    await pool.query(`reassign owned by ${role} to current_user; drop owned by ${role}; drop role ${role}`)
  })
  await pool.query(`grant usage, create on schema public, user_admin to ${role}`)
  await pool.query(
    `alter table auth_user owner to ${role}; alter table user_admin.audit_event owner to ${role}`,
  )
  const theirs = new URL(url)
  theirs.username = role
  theirs.password = 'of a test'
  const steps: string[] = []
  await createListIndexes(theirs.href, { log: (step) => steps.push(step) })
  t.match(steps.join('\n'), /^left out the index user_admin_search, .*create extension pg_trgm/m)
  const others = NAMES.filter((name) => name !== 'user_admin_search').toSorted()
  t.strictSame(await validIndexes(pool), others)

  // Wherever an administrator puts it.
  await pool.query(`create schema "of others"; create extension pg_trgm schema "of others"`)
  await pool.query(`grant usage on schema "of others" to ${role}`)
  t.strictSame(await createListIndexes(theirs.href), { created: ['user_admin_search'] })
})

t.test('without the tables they say what to do', async (t) => {
  const { url } = await createDatabase(t, { template: 'empty' })
  await t.rejects(createListIndexes(url), /There is no table auth_user: run the migrations first/)
})

t.test(`each list of ${USERS} users reads little more than its page`, async (t) => {
  const { url, pool } = await createDatabase(t)
  for (const statement of [...GROUPS, makeUsers(USERS), ...MEMBERSHIPS, EVENTS]) await pool.query(statement)
  await createListIndexes(url)
  await pool.query('vacuum analyze')
  const lists = listsOf(pool)
  const used = new Set<string>()
  const check = async (t: Test, name: string, page: Promise<Plan[]>, matches = 0) => {
    const plans = await page
    const touched = plans.flatMap(scansOf)
    for (const { index } of touched) if (index !== undefined) used.add(index)
    const wrong = touched.filter(({ type, table }) => type === 'Seq Scan' && table === 'auth_user')
    t.strictSame(wrong, [], `${name}: no scan of the table`)
    // What is not read can't be sorted either.
    const rows = scansOf(plans.at(-1)!).reduce((sum, scan) => sum + scan.rows, 0)
    t.ok(rows <= 1_500 + 3 * matches, `${name}: ${rows} rows were read`)
  }

  await t.test('in each order, from the start and from afar', async (t) => {
    for (const field of ['id', 'username', 'first_name', 'last_name', 'email', 'date_joined', 'last_login']) {
      for (const descending of [false, true]) {
        const ordering = completeOrdering(userSource, [{ field, descending }])
        const name = `${descending ? '-' : ''}${field}`
        await check(t, name, lists.users({}, { ordering }))
        const { rows } = await lists.read({}, { ordering, size: 1, offset: USERS * 0.9 })
        const values = positionOf(userSource, ordering, rows[0]!)
        for (const direction of ['after', 'before'] as const) {
          await check(
            t,
            `${direction} a row of ${name}`,
            lists.users({}, { ordering, position: { values, direction } }),
          )
        }
      }
    }
  })

  const permission = async (codename: string): Promise<number> =>
    (await pool.query('select id from auth_permission where codename = $1', [codename])).rows[0].id
  const filters: [filter: UserFilter, matches?: number][] = [
    [{ username: 'name50000' }],
    [{ username__iexact: 'NAME50000' }],
    [{ email: 'name50001@example.com' }],
    [{ email__iexact: 'Name50001@Example.com' }],
    [{ is_staff: true }],
    [{ is_superuser: true }],
    [{ is_active: false }],
    [{ is_active: true }],
    [{ last_login__isnull: true }],
    [{ last_login__isnull: false }],
    [{ last_login__gte: '2025-12-31T00:00:00Z' }, 300],
    [{ date_joined__gte: '2025-06-01T00:00:00Z', date_joined__lt: '2025-06-02T00:00:00Z' }, 300],
    // Those who joined last have the highest ids: whoever reads by id would meet all others first.
    [{ date_joined__gte: '2025-12-01T00:00:00Z' }, 10_000],
    [{ groupId: RARE }, 1_000],
    [{ groupId: COMMON }],
    [{ permissionIds: [await permission('of the rare')] }, 1_000],
    [{ permissionIds: [await permission('of the common')] }],
    [{ permissionIds: [await permission('of nobody')] }, 100],
    [{ search: 'NAME5000' }, 11],
    [{ search: 'family7 example' }, 2_000],
    [{ search: 'nobody at all' }],
  ]
  await t.test('through each filter, from the start and from afar', async (t) => {
    for (const [filter, matches] of filters) {
      const ordering = completeOrdering(userSource, [])
      const name = JSON.stringify(filter)
      await check(t, name, lists.users(filter, { ordering }), matches)
      const position = { values: [USERS * 0.9], direction: 'after' } as const
      await check(t, `${name} from afar`, lists.users(filter, { ordering, position }), matches)
    }
  })
  await check(t, 'events of a person', lists.events({ actorId: 77 }))
  t.strictSame(
    [...used].filter((name) => name.startsWith('user_admin_')).toSorted(),
    NAMES.toSorted(),
    'all are used',
  )
})

async function validIndexes(pool: pg.Pool): Promise<string[]> {
  const { rows } = await pool.query<{ name: string }>(
    `select relname as name from pg_index join pg_class c on c.oid = indexrelid
     where indisvalid and relname = any($1) order by relname collate "C"`,
    [NAMES],
  )
  return rows.map(({ name }) => name)
}

const RARE = 1_001
const COMMON = 1_002

const GROUPS = [
  `insert into auth_group (id, name) values (${RARE}, 'rare'), (${COMMON}, 'common')`,
  `insert into auth_permission (name, content_type_id, codename)
   select p, (select min(id) from django_content_type), p
   from unnest(array['of the rare', 'of the common', 'of nobody']) p`,
  `insert into auth_group_permissions (group_id, permission_id)
   select g, id from (values (${RARE}, 'of the rare'), (${COMMON}, 'of the common')) v (g, codename)
   join auth_permission using (codename)`,
]

/** They joined in the order of their ids in 2025. Everything else is spread over them. */
const makeUsers = (count: number) => `
  insert into auth_user (id, password, last_login, is_superuser, username, first_name, last_name, email,
                         is_staff, is_active, date_joined)
  select n, '!', case when n % 10 < 7 then timestamptz '2025-01-01Z' + (n * 7919 % ${count}) * interval '1 year' / ${count} end,
         n % 5000 = 9, 'name' || n, 'first' || n % 30, 'family' || n % 9, case when n % 20 = 0 then '' else 'name' || n || '@example.com' end,
         n % 1000 = 5, n % 100 <> 3, timestamptz '2025-01-01Z' + n * interval '1 year' / ${count}
  from generate_series(1, ${count}) n`

const MEMBERSHIPS = [
  `insert into auth_user_groups (user_id, group_id)
   select n, ${RARE} from generate_series(1, ${USERS}, 100) n union all select n, ${COMMON} from generate_series(1, ${USERS}, 2) n`,
  `insert into auth_user_user_permissions (user_id, permission_id)
   select n, 1 + n % 8 from generate_series(1, ${USERS}, 10) n`,
]

const EVENTS = `
  insert into user_admin.audit_event (request_id, actor_id, action, outcome, target_type, target_id, changes)
  select n, n % 500, 'update', 'applied', 'user', n, '{}' from generate_series(1, 50000) n`

interface Plan {
  'Node Type': string
  'Relation Name'?: string
  'Index Name'?: string
  'Actual Rows': number
  'Actual Loops': number
  'Rows Removed by Filter'?: number
  Plans?: Plan[]
}

/** Reads lists as the service does, and tells how PostgreSQL did what was asked of it: the statement of the page comes last. */
function listsOf(pool: pg.Pool) {
  const database = new Database(pool, { timeoutMs: 10_000, prepared: false })
  const read = (filter: UserFilter, page: Partial<PageRequest>) => listUsers(database, filter, whole(page))
  const explained = async (list: (db: Database) => Promise<Page<unknown>>): Promise<Plan[]> => {
    const { recording, sent } = recorder(database)
    await list(recording)
    const plans: Plan[] = []
    for (const { sql, values } of sent) {
      const { rows } = await pool.query(`explain (analyze, format json) ${sql}`, values)
      plans.push(rows[0]['QUERY PLAN'][0].Plan)
    }
    return plans
  }
  return {
    read: read as (filter: UserFilter, page: Partial<PageRequest>) => Promise<Page<StoredUser>>,
    users: (filter: UserFilter, page: Partial<PageRequest>) =>
      explained((db) => listUsers(db, filter, whole(page))),
    events: (filter: EventFilter) => explained((db) => listEvents(db, filter, whole({}))),
  }
}

const whole = (page: Partial<PageRequest>): PageRequest => ({
  ordering: [{ field: 'id', descending: false }],
  size: 100,
  isCounted: false,
  ...page,
})

/** The database, and the statements that it was sent. */
function recorder(database: Database) {
  const sent: { sql: string; values: unknown[] }[] = []
  const listening = (target: Queryable): Queryable => ({
    run(statement, ...parameters) {
      sent.push({ sql: statement.sql, values: statement.bind(parameters) })
      return target.run(statement, ...parameters)
    },
  })
  type Work<T> = (connection: Queryable) => Promise<T>
  const recording = {
    ...listening(database),
    together: <T>(work: Work<T>) => database.together((connection) => work(listening(connection))),
    snapshot: <T>(work: Work<T>) => database.snapshot((connection) => work(listening(connection))),
  }
  return { recording: recording as Partial<Database> as Database, sent }
}

interface Scan {
  type: string
  table: string | undefined
  index: string | undefined
  /** Also those that did not fit. */
  rows: number
}

function scansOf(plan: Plan): Scan[] {
  const inner = (plan.Plans ?? []).flatMap(scansOf)
  if (plan['Relation Name'] === undefined && plan['Index Name'] === undefined) return inner
  const each = plan['Actual Rows'] + (plan['Rows Removed by Filter'] ?? 0)
  const scan = { type: plan['Node Type'], table: plan['Relation Name'], index: plan['Index Name'] }
  return [{ ...scan, rows: Math.round(each * plan['Actual Loops']) }, ...inner]
}
