import t from 'tap'
import { inspectSchema, UnservableSchemaError } from '../../src/db/live-schema.js'
import { migrate } from '../../src/db/migrate.js'
import { createDatabase } from '../helpers/database.js'
import { loadDjango } from '../helpers/django-schemas.js'

const OWN_WIDTHS = { username: 150, first_name: 150, last_name: 150, email: 254, password: 128 }
const OWN_IDS = {
  auth_user: 'integer',
  auth_group: 'integer',
  auth_permission: 'integer',
  django_content_type: 'integer',
  auth_user_groups: 'bigint',
  auth_user_user_permissions: 'bigint',
  auth_group_permissions: 'bigint',
}

t.test('tables made by our migrations', async (t) => {
  const { url, pool } = await createDatabase(t, { template: 'empty' })
  await migrate(url)
  t.strictSame(await inspectSchema(pool), {
    schema: 'public',
    widths: OWN_WIDTHS,
    groupNameWidth: 150,
    idTypes: OWN_IDS,
    hasAuthTokens: false,
    deletedWithUser: [],
    adminLog: 'absent',
    longestFirstName: null,
  })
})

t.test('older, newer and hand-made widths and id types', async (t) => {
  const { url, pool } = await createDatabase(t, { template: 'empty' })
  await migrate(url)
  await pool.query(`
    create domain short_name as varchar(20);
    alter table auth_user
      alter id type bigint,
      alter first_name type varchar(30),
      alter last_name type short_name,
      alter email type text,
      alter password type varchar;
    alter table auth_group alter id type smallint`)
  const live = await inspectSchema(pool)
  t.strictSame(live.widths, { username: 150, first_name: 30, last_name: 20, email: null, password: null })
  t.strictSame(live.idTypes, { ...OWN_IDS, auth_user: 'bigint', auth_group: 'smallint' })
})

t.test('first names longer than the limit are reported, in characters', async (t) => {
  const { url, pool } = await createDatabase(t, { template: 'empty' })
  await migrate(url)
  await pool.query(
    `insert into auth_user (username, first_name, last_name, email, password, is_superuser, is_staff,
       is_active, date_joined)
     select 'user' || n, repeat('é', n), '', '', '!', false, false, true, now()
     from unnest(array[0, 30, 41]) as n`,
  )
  const longest = async (firstNameLimit?: number) =>
    (await inspectSchema(pool, firstNameLimit === undefined ? {} : { firstNameLimit })).longestFirstName
  t.equal(await longest(), 41)
  t.equal(await longest(40), 41)
  t.equal(await longest(41), null)
  t.equal(await longest(150), null)
})

t.test('tables are found through search_path, by the connection that asks', async (t) => {
  const { url, pool } = await createDatabase(t, { template: 'empty' })
  await migrate(url)
  await pool.query('create schema "Elsewhere"')
  for (const table of Object.keys(OWN_IDS)) await pool.query(`alter table ${table} set schema "Elsewhere"`)
  await t.rejects(inspectSchema(pool), UnservableSchemaError)
  const client = await pool.connect()
  await client.query('set search_path to user_admin, "Elsewhere"')
  const live = await inspectSchema(client)
  client.release(true)
  t.equal(live.schema, 'Elsewhere')
})

t.test("tokens that can't be used don't count", async (t) => {
  const { pool } = await createDatabase(t, { template: 'empty' })
  await loadDjango(pool, '3.2')
  await pool.query('alter table authtoken_token rename user_id to owner')
  t.equal((await inspectSchema(pool)).hasAuthTokens, false, 'a table of another shape')
  await pool.query('alter table authtoken_token rename owner to user_id')
  t.equal((await inspectSchema(pool)).hasAuthTokens, true)

  const client = await pool.connect()
  await client.query('grant select on auth_user to pg_read_all_settings; set role pg_read_all_settings')
  t.equal((await inspectSchema(client)).hasAuthTokens, false, 'a table that the role may not read')
  client.release(true)
})

t.test('a custom user table is refused with every reason at once', async (t) => {
  const { url, pool } = await createDatabase(t, { template: 'empty' })
  await migrate(url)
  await pool.query(`
    alter table auth_user
      drop is_superuser,
      drop id cascade,
      add id uuid primary key default gen_random_uuid(),
      alter last_login type timestamp,
      alter is_staff type integer using is_staff::integer;
    create domain flag as integer;
    alter table auth_user alter is_active type flag using is_active::integer;
    drop table auth_group_permissions`)
  const error = await inspectSchema(pool).catch((error: unknown) => error)
  if (!(error instanceof UnservableSchemaError)) return t.fail('wrong outcome', { error })
  const instant = 'timestamp with time zone'
  t.strictSame(error.faults, [
    { table: 'auth_user', column: 'id', found: 'uuid', expected: ['integer', 'bigint', 'smallint'] },
    { table: 'auth_user', column: 'last_login', found: 'timestamp without time zone', expected: [instant] },
    { table: 'auth_user', column: 'is_superuser', found: null, expected: ['boolean'] },
    { table: 'auth_user', column: 'is_staff', found: 'integer', expected: ['boolean'] },
    { table: 'auth_user', column: 'is_active', found: 'integer', expected: ['boolean'] },
    { table: 'auth_group_permissions', column: null, found: null, expected: [] },
  ])
  t.match(error.message, 'auth_user.id is uuid and must be integer or bigint or smallint')
  t.match(error.message, 'auth_user.is_superuser is missing and must be boolean')
  t.match(error.message, 'the table auth_group_permissions is missing')
})
