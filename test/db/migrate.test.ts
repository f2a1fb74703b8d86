import { execFile } from 'node:child_process'
import { randomBytes } from 'node:crypto'
import { promisify } from 'node:util'
import type pg from 'pg'
import t, { type Test } from 'tap'
import { assertMigrated, migrate, pendingMigrations } from '../../src/db/migrate.js'
import {
  DatabaseTooNewError,
  MigrationError,
  PartialSchemaError,
  PendingMigrationsError,
} from '../../src/db/migration-errors.js'
import { createDatabase } from '../helpers/database.js'
import { DISTINCT_VERSIONS, loadDjango } from '../helpers/django-schemas.js'

const run = promisify(execFile)

const ALL = [
  '0001_django_auth',
  '0002_user_admin',
  '0003_audit_indexes',
  '0004_audit_retention',
  '0005_safe_retries',
  '0006_django_migrations',
  '0007_request_counts',
  '0008_imports',
]
const CREATED = [
  'auth_group',
  'auth_group_permissions',
  'auth_permission',
  'auth_user',
  'auth_user_groups',
  'auth_user_user_permissions',
  'django_content_type',
]
const NINE = [...CREATED, 'authtoken_token', 'django_admin_log']

t.test('an empty database gets everything, once', async (t) => {
  const { url, pool } = await createDatabase(t, { template: 'empty' })
  t.strictSame(await pendingMigrations(url), ALL)
  const steps: string[] = []
  t.strictSame(await migrate(url, { log: (step) => steps.push(step) }), { applied: ALL })
  t.strictSame(steps, [
    "created Django's tables in the schema public",
    'applied migration 0001_django_auth',
    'applied migration 0002_user_admin',
    'applied migration 0003_audit_indexes',
    'applied migration 0004_audit_retention',
    'applied migration 0005_safe_retries',
    'recorded the migrations of Django that these tables come from, in the schema public',
    'applied migration 0006_django_migrations',
    'applied migration 0007_request_counts',
    'applied migration 0008_imports',
  ])
  t.strictSame(await tablesOf(pool), [
    ...CREATED.map((table) => `public.${table}`),
    'public.django_migrations',
    'user_admin.api_key',
    'user_admin.audit_event',
    'user_admin.audit_retention',
    'user_admin.idempotent_answer',
    'user_admin.import',
    'user_admin.migration',
    'user_admin.request_count',
    'user_admin.secret',
  ])
  t.strictSame(
    await migrate(url, { log: (step) => t.fail(step) }),
    { applied: [] },
    'the second run finds nothing',
  )
  t.strictSame(await pendingMigrations(url), [])
  await t.resolves(assertMigrated(url))
})

t.test("a created database holds the rows of Django's post_migrate", async (t) => {
  const { url, pool } = await createDatabase(t, { template: 'empty' })
  await migrate(url)
  const { rows } = await pool.query(
    `select p.id, c.app_label, c.model, p.codename, p.name
     from auth_permission p join django_content_type c on c.id = p.content_type_id order by p.id`,
  )
  t.strictSame(
    rows.map((row) => `${row.id} ${row.app_label}.${row.codename} ${row.model} ${row.name}`),
    [
      '1 auth.add_permission permission Can add permission',
      '2 auth.change_permission permission Can change permission',
      '3 auth.delete_permission permission Can delete permission',
      '4 auth.view_permission permission Can view permission',
      '5 auth.add_group group Can add group',
      '6 auth.change_group group Can change group',
      '7 auth.delete_group group Can delete group',
      '8 auth.view_group group Can view group',
      '9 auth.add_user user Can add user',
      '10 auth.change_user user Can change user',
      '11 auth.delete_user user Can delete user',
      '12 auth.view_user user Can view user',
      '13 contenttypes.add_contenttype contenttype Can add content type',
      '14 contenttypes.change_contenttype contenttype Can change content type',
      '15 contenttypes.delete_contenttype contenttype Can delete content type',
      '16 contenttypes.view_contenttype contenttype Can view content type',
    ],
  )
})

t.test('eight processes at once on an empty database all end well', async (t) => {
  const { url, pool } = await createDatabase(t, { template: 'empty' })
  const outcomes = await Promise.all(Array.from({ length: 8 }, () => migrateInProcess(url)))
  t.strictSame(outcomes.flat().sort(), ALL, 'each migration was applied by one of them')
  t.strictSame(await recordOf(pool), ALL)
})

t.test('twenty connections at once on an empty database all end well', async (t) => {
  const { url, pool } = await createDatabase(t, { template: 'empty' })
  const outcomes = await Promise.all(Array.from({ length: 20 }, () => migrate(url)))
  t.strictSame(
    outcomes.flatMap((outcome) => outcome.applied),
    ALL,
  )
  t.strictSame(await recordOf(pool), ALL)
})

for (const version of DISTINCT_VERSIONS) {
  t.test(`the tables of Django ${version} are adopted without changing one of them`, async (t) => {
    const { url, pool } = await createDatabase(t, { template: 'empty' })
    await loadDjango(pool, version)
    const look = async () => [
      await storageOf(pool),
      await shapeOf(pool, NINE),
      await kindsOf(pool),
      await djangosRecord(pool),
    ]
    const before = await look()
    t.equal(before[0]!.length, 9)
    t.strictSame(await migrate(url), { applied: ALL })
    t.strictSame(await look(), before)
  })
}

t.test('tables that an older Django made get no record of its migrations', async (t) => {
  const { url, pool } = await createDatabase(t, { template: 'empty' })
  await loadDjango(pool, '4.0')
  await pool.query('drop table django_migrations')
  await migrate(url)
  t.notOk((await tablesOf(pool)).includes('public.django_migrations'))
})

t.test('created tables are what Django 5.2 creates, and hold the same for their apps', async (t) => {
  const ours = await createDatabase(t, { template: 'empty' })
  const django = await createDatabase(t, { template: 'empty' })
  await migrate(ours.url)
  await loadDjango(django.pool, '5.2')
  const tables = [...CREATED, 'django_migrations']
  const shape = await shapeOf(ours.pool, tables)
  t.strictSame(shape, await shapeOf(django.pool, tables))
  t.ok(shape.includes('constraint auth_user.auth_user_username_key UNIQUE (username)'))
  t.ok(shape.includes('column auth_user.id 1 integer not null by default'))
  t.ok(shape.includes('sequence auth_user_groups.id public.auth_user_groups_id_seq bigint'))
  const kinds = await kindsOf(django.pool)
  t.strictSame(
    await kindsOf(ours.pool),
    kinds.filter((kind) => /^(auth|contenttypes)\./.test(kind)),
  )
})

t.test('a database that a newer version migrated is refused', async (t) => {
  const { url, pool } = await createDatabase(t, { template: 'empty' })
  await migrate(url)
  await pool.query("insert into user_admin.migration (name) values ('9999_from_the_future')")
  const refusal = {
    name: 'DatabaseTooNewError',
    unknown: ['9999_from_the_future'],
    message: /Start that version/,
  }
  await t.rejects(migrate(url), refusal)
  await t.rejects(pendingMigrations(url), refusal)
  await t.rejects(assertMigrated(url), DatabaseTooNewError)
})

t.test('a partial schema is refused, naming what is missing', async (t) => {
  const { url, pool } = await createDatabase(t, { template: 'empty' })
  await loadDjango(pool, '3.2')
  await pool.query('drop table auth_user_groups, auth_group_permissions')
  const before = await tablesOf(pool)
  const error = await migrate(url).catch((error: unknown) => error)
  if (!(error instanceof PartialSchemaError)) return t.fail('wrong outcome', { error })
  t.strictSame(error.missing, ['auth_group_permissions', 'auth_user_groups'])
  t.match(error.message, 'lacks auth_group_permissions, auth_user_groups')
  t.strictSame(await tablesOf(pool), before)
  t.strictSame(await pendingMigrations(url), ALL)
})

t.test('a role that may not create anything', async (t) => {
  const { url, pool } = await createDatabase(t, { template: 'empty' })
  const role = await createRole(t, pool)
  await pool.query('revoke create on schema public from public')
  const asRole = withOptions(url, `-c role=${role}`)

  await t.rejects(
    migrate(asRole),
    {
      name: 'MigrationError',
      migration: ALL[0],
      message: /nothing was changed: permission denied for database/,
    },
    'is told what it lacks while something is pending',
  )
  await t.rejects(
    assertMigrated(asRole),
    { name: 'PendingMigrationsError', pending: ALL, message: /Run the migrations/ },
    'learns with migration turned off what is pending',
  )
  await t.rejects(assertMigrated(asRole), PendingMigrationsError)

  await migrate(url)
  await t.rejects(migrate(asRole), { message: /Grant it USAGE on schema user_admin, SELECT on/ })
  await pool.query(`grant usage on schema user_admin to ${role}`)
  await t.rejects(migrate(asRole), { message: /permission denied for table migration/ })
  await pool.query(`grant select on user_admin.migration to ${role}`)
  t.strictSame(await migrate(asRole), { applied: [] }, 'starts when nothing is pending')
  await t.resolves(assertMigrated(asRole))
})

t.test('a role that may not create schemas uses those that an administrator made for it', async (t) => {
  const { url, pool } = await createDatabase(t, { template: 'empty' })
  const role = await createRole(t, pool)
  await pool.query(`create schema user_admin authorization ${role}; grant create on schema public to ${role}`)
  t.strictSame(await migrate(withOptions(url, `-c role=${role}`)), { applied: ALL })
})

t.test('a failure in the middle rolls everything back', async (t) => {
  const { url, pool } = await createDatabase(t, { template: 'empty' })
  // In the way of a statement in the middle of the last migration.
  await pool.query('create schema user_admin; create table user_admin.audit_event ()')
  const steps: string[] = []
  const error = await migrate(url, { log: (step) => steps.push(step) }).catch((error: unknown) => error)
  if (!(error instanceof MigrationError)) return t.fail('wrong outcome', { error })
  t.match(
    error.message,
    /0002_user_admin failed, and nothing was changed: relation "audit_event" already exists/,
  )
  t.match(error.cause, { code: '42P07' })
  t.strictSame(steps, [], 'nothing was announced that did not happen')
  t.strictSame(await tablesOf(pool), ['user_admin.audit_event'])

  await pool.query('drop table user_admin.audit_event')
  t.strictSame(await migrate(url), { applied: ALL }, 'and once its cause is gone, it goes on')
})

t.test('only what is pending is applied', async (t) => {
  const { url, pool } = await createDatabase(t, { template: 'empty' })
  await migrate(url)
  await pool.query(
    `drop table user_admin.api_key, user_admin.audit_event, user_admin.audit_retention,
       user_admin.idempotent_answer, user_admin.secret, user_admin.request_count, user_admin.import;
     delete from user_admin.migration where name >= '0002_user_admin'`,
  )
  t.strictSame(await pendingMigrations(url), ALL.slice(1))
  t.strictSame(await migrate(url), { applied: ALL.slice(1) })
})

t.test("Django's tables are looked for, and created, through search_path", async (t) => {
  const { url, pool } = await createDatabase(t, { template: 'empty' })
  await pool.query('create schema "Some App"; create schema user_admin')
  const inApp = withOptions(url, '-c search_path=user_admin,"Some\\ App",public')
  await migrate(inApp)
  const tables = await tablesOf(pool)
  t.ok(tables.includes('Some App.auth_user'), 'in the first schema that is not our own')
  t.notOk(tables.includes('user_admin.auth_user') || tables.includes('public.auth_user'))

  const { rows } = await pool.query('select name from user_admin.migration order by name')
  t.strictSame(
    rows.map((row) => row.name),
    ALL,
  )
})

t.test('a search_path without a schema is refused', async (t) => {
  const { url, pool } = await createDatabase(t, { template: 'empty' })
  await t.rejects(migrate(withOptions(url, '-c search_path=nowhere')), {
    message: /search_path .* names no schema/,
  })
  t.strictSame(await tablesOf(pool), [])
})

t.test('the time-outs and isolation that a role defaults to do not matter', async (t) => {
  const { url } = await createDatabase(t, { template: 'empty' })
  const settings = [
    'lock_timeout=1',
    'default_transaction_isolation=serializable',
    'default_transaction_read_only=on',
  ]
  const asSet = withOptions(url, settings.map((setting) => `-c ${setting}`).join(' '))
  const outcomes = await Promise.all(Array.from({ length: 5 }, () => migrate(asSet)))
  t.strictSame(
    outcomes.flatMap((outcome) => outcome.applied),
    ALL,
  )
})

t.test('a database that cannot be reached rejects', async (t) => {
  await t.rejects(migrate('postgres://nobody@127.0.0.1:1/none'), { code: 'ECONNREFUSED' })
})

/** Migrates in a process of its own; the names that it applied. */
async function migrateInProcess(url: string): Promise<string[]> {
  const module = new URL('../../src/db/migrate.ts', import.meta.url).href
  const script = `import { migrate } from '${module}'
    const { applied } = await migrate(process.env.TEST_URL)
    process.stdout.write(JSON.stringify(applied))`
  const { stdout } = await run(process.execPath, ['--import', 'tsx', '--input-type=module', '-e', script], {
    env: { PATH: process.env['PATH'], TEST_URL: url },
  })
  return JSON.parse(stdout) as string[]
}

/** A role without any right, dropped at the end. */
async function createRole(t: Test, pool: pg.Pool): Promise<string> {
  // Roles belong to the whole server, which other tests use too.
  const role = `test_${randomBytes(6).toString('hex')}`
  await pool.query(`create role ${role}`)
  t.teardown(() => pool.query(`drop owned by ${role} cascade; drop role ${role}`))
  return role
}

function withOptions(url: string, options: string): string {
  const changed = new URL(url)
  changed.searchParams.set('options', options)
  return changed.href
}

async function djangosRecord(pool: pg.Pool): Promise<unknown[]> {
  return (await pool.query('select * from django_migrations order by id')).rows
}

async function recordOf(pool: pg.Pool): Promise<string[]> {
  const { rows } = await pool.query('select name from user_admin.migration order by name')
  return rows.map((row) => row.name)
}

async function tablesOf(pool: pg.Pool): Promise<string[]> {
  const { rows } = await pool.query(
    `select nspname || '.' || relname as name from pg_class join pg_namespace n on n.oid = relnamespace
     where relkind in ('r', 'p', 'v', 'm', 'f') and nspname !~ '^(pg_|information_schema)' order by 1`,
  )
  return rows.map((row) => row.name)
}

/** Columns, constraints, indexes and sequences, a line each; dropped columns don't count. */
async function shapeOf(pool: pg.Pool, tables: string[]): Promise<string[]> {
  const { rows } = await pool.query(
    `select concat_ws(' ', 'column', attrelid::regclass || '.' || attname,
         row_number() over (partition by attrelid order by attnum), format_type(atttypid, atttypmod),
         case when attnotnull then 'not null' end, nullif(attcollation, 0)::regcollation,
         case attidentity when 'd' then 'by default' when 'a' then 'always' end, pg_get_expr(adbin, adrelid)) as line
       from pg_attribute left join pg_attrdef on adrelid = attrelid and adnum = attnum
       where attrelid = any($1::regclass[]) and attnum > 0 and not attisdropped
     union all
     select concat_ws(' ', 'constraint', conrelid::regclass || '.' || conname, pg_get_constraintdef(oid))
       from pg_constraint where conrelid = any($1::regclass[])
     union all
     select concat_ws(' ', 'index', pg_get_indexdef(indexrelid))
       from pg_index where indrelid = any($1::regclass[])
     union all
     select concat_ws(' ', 'sequence', attrelid::regclass || '.id', name, format_type(seqtypid, null))
       from pg_attribute
       cross join pg_get_serial_sequence(attrelid::regclass::text, 'id') as name
       join pg_sequence on seqrelid = name::regclass
       where attrelid = any($1::regclass[]) and attname = 'id'
     order by 1`,
    [tables],
  )
  return rows.map((row) => row.line)
}

/** The permissions that there are, by the app and model that they are of. */
async function kindsOf(pool: pg.Pool): Promise<string[]> {
  const { rows } = await pool.query(
    `select app_label || '.' || model || ' ' || name || ' ' || codename as kind
     from auth_permission p join django_content_type c on c.id = content_type_id order by 1`,
  )
  return rows.map((row) => row.kind)
}

/** What any ALTER, GRANT, rewrite or trigger would change of the nine tables. */
async function storageOf(pool: pg.Pool): Promise<unknown[]> {
  const { rows } = await pool.query(
    `select c.oid, xmin, relname, relowner, relfilenode, relacl, reloptions, relhastriggers, relrowsecurity,
       array(select (a.*)::text from pg_attribute a where attrelid = c.oid order by attnum) as columns,
       array(select (d.*)::text from pg_attrdef d where adrelid = c.oid order by adnum) as defaults,
       array(select (k.*)::text from pg_constraint k where conrelid = c.oid order by k.oid) as constraints,
       array(select (i.*)::text from pg_index i where indrelid = c.oid order by indexrelid) as indexes,
       array(select (g.*)::text from pg_trigger g where tgrelid = c.oid order by g.oid) as triggers
     from pg_class c where oid = any($1::regclass[]) order by relname`,
    [NINE],
  )
  return rows
}
