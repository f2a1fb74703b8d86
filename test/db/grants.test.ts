// Under the grants of docs/grants.sql everything works that the API does, and nothing else.
import { readFile } from 'node:fs/promises'
import t, { type Test } from 'tap'
import type { SettingName } from '../../src/config.js'
import { migrate } from '../../src/db/migrate.js'
import { createDatabase } from '../helpers/database.js'
import { type DjangoVersion, loadDjango } from '../helpers/django-schemas.js'
import { until } from '../helpers/until.js'
import { startService, type TestService } from '../helpers/service.js'
import { addToken } from '../helpers/tokens.js'

/** Roles belong to the whole server: each test has one of its own. */
let roles = 0

interface Setup {
  /** Whose tables they are; without one, those that our migrations make. */
  django?: DjangoVersion
  /** The lines that are not run unasked. */
  optional?: boolean
  settings?: Partial<Record<SettingName, string>>
}

/** The service as a role that has nothing but the grants. */
async function start(t: Test, { django, optional = false, settings = {} }: Setup = {}) {
  const database = await createDatabase(t, { template: 'empty' })
  if (django !== undefined) await loadDjango(database.pool, django)
  await migrate(database.url)
  const role = `service_${process.pid}_${++roles}`
  const file = await readFile(new URL('../../docs/grants.sql', import.meta.url), 'utf8')
  const grants = file.replaceAll('user_admin_service', role)
  await database.pool.query(`create role ${role} login`)
  t.teardown(() => database.pool.query(`drop owned by ${role}; drop role ${role}`))
  await database.pool.query(optional ? grants.replaceAll(/^-- (?=grant )/gm, '') : grants)
  const url = new URL(database.url)
  url.username = role
  const service = await startService(t, settings, { ...database, url: url.href })
  /** @returns the SQLSTATE of the refusal, if it is one */
  const asRole = (sql: string): Promise<unknown> =>
    database.pool.query(`begin; set local role ${role}; ${sql}; rollback`).catch(({ code }) => code)
  return { ...service, asRole, ...(await service.makeCaller({ username: 'root' })) }
}

type Started = Awaited<ReturnType<typeof start>>

const caller =
  (t: Test, { request }: TestService, key: string) =>
  async (method: string, path: string, status: number, body?: unknown, headers = {}) => {
    const answer = await request(method, `/admin${path}`, { key, body, headers })
    t.equal(answer.status, status, `${method} ${path} ${answer.body?.detail ?? ''}`)
    return answer.body
  }

/** Every kind of operation. */
async function useEverything(t: Test, started: Started): Promise<void> {
  const call = caller(t, started, started.key)
  const [one, two, three, four] = await Promise.all(Array.from({ length: 4 }, started.makePermission))
  const { id: group } = await call('POST', '/groups/', 201, { name: 'editors', permissions: [one] })
  const ada = { username: 'ada', password: 'correct horse' }
  const { id } = await call('POST', '/users/', 201, { ...ada, groups: [group], user_permissions: [two] })
  await call('PATCH', `/users/${id}/`, 200, { first_name: 'Ada', groups: [], user_permissions: [three] })
  await call('PATCH', `/users/${id}/?dry_run=true`, 200, { is_staff: true, groups: [group] })
  await call('PUT', `/users/${id}/`, 200, ada)
  await call('PATCH', '/users/', 200, [{ id, is_staff: true }])
  await started.makeKey(id)
  await call('PATCH', `/users/${id}/?revoke=keys`, 200, { is_active: false })
  for (const name of ['readers', 'readers']) {
    await call('POST', '/groups/', 201, { name }, { 'idempotency-key': '"once"' })
  }
  await call('PUT', `/users/${id}/groups/${group}/`, 204)
  await call('DELETE', `/users/${id}/groups/${group}/`, 204)
  await call('PUT', `/users/${id}/permissions/${one}/`, 204)
  await call('DELETE', `/users/${id}/permissions/${one}/`, 204)
  await call('PATCH', `/groups/${group}/`, 200, { permissions: [three, four] })
  await call('PUT', `/groups/${group}/`, 200, { name: 'writers' })
  for (const path of ['/users/', '/groups/', '/permissions/', '/events/', '/events/?after=0', '/me/'])
    await call('GET', path, 200)
  for (const path of ['', 'permissions/', 'permissions/auth.add_user/', 'history/'])
    await call('GET', `/users/${id}/${path}`, path.includes('add_user') ? 404 : 200)
  await call('GET', `/groups/${group}/users/`, 200)
  await call('DELETE', `/groups/${group}/`, 204)
  await call('DELETE', `/users/${id}/`, 204)
}

t.test('on tables that were made here', async (t) => {
  const started = await start(t, {
    settings: { RATE_LIMIT_PER_ADDRESS: '100000', RATE_LIMIT_SHARED: 'on' },
  })
  await useEverything(t, started)
  const { rows } = await started.pool.query('select count from user_admin.request_count')
  t.ok(rows[0].count > 20, 'requests are counted')
  for (const sql of [
    'create table public.mine ()',
    'create table user_admin.mine ()',
    'alter table auth_user add column mine text',
    'truncate auth_user',
    'delete from auth_permission',
    "update auth_permission set codename = ''",
    'update auth_user_groups set group_id = group_id',
    'delete from django_content_type',
    "insert into user_admin.api_key (user_id, prefix, key_hash) values (1, '', '')",
    'update user_admin.api_key set key_hash = key_hash',
    'update user_admin.secret set secret = secret',
    'update user_admin.audit_event set actor_id = 1',
    'delete from user_admin.audit_event',
    'update user_admin.audit_retention set removed_through = 1',
    "insert into user_admin.migration (name) values ('')",
    'select from django_migrations',
  ])
    t.equal(await started.asRole(sql), '42501', sql)
})

for (const django of ['2.0', '3.2', '5.2'] as const) {
  t.test(`on those of Django ${django}, with its log and its tokens`, async (t) => {
    const started = await start(t, { django, settings: { DJANGO_ADMIN_LOG: 'on' } })
    await useEverything(t, started)
    const { pool, id: root, makeUser } = started
    const call = caller(t, started, started.key)

    const id = await makeUser({ is_staff: true, is_superuser: true })
    const token = await addToken(pool, id)
    const withToken = await started.request('PATCH', `/admin/users/${root}/`, {
      headers: { authorization: `Token ${token}` },
      body: { first_name: 'Grace' },
    })
    t.equal(withToken.status, 200)
    await call('PATCH', `/users/${id}/`, 200, { is_active: false })
    await addToken(pool, id)
    await call('DELETE', `/users/${id}/`, 204)
    const { rows } = await pool.query(
      'select (select count(*)::int from authtoken_token) as tokens, count(*)::int as entries from django_admin_log where user_id = $1',
      [root],
    )
    t.equal(rows[0].tokens, 0, 'ended by the deactivation, and by the deletion')
    t.ok(rows[0].entries > 10, 'in the log of the admin site')
    t.equal(await started.asRole('select from django_session'), '42501')
    t.equal(await started.asRole('update django_admin_log set user_id = 1'), '42501')
    t.equal(await started.asRole("update authtoken_token set key = ''"), '42501')
  })
}

t.test('old events are removed where the optional lines are run', async (t) => {
  const { pool, database } = await start(t, { optional: true })
  await pool.query(
    `insert into user_admin.audit_event (occurred_at, request_id, action, outcome, target_type, changes)
     values (now() - interval '9 days', 'old', 'user.update', 'applied', 'user', '{}')`,
  )
  await startService(t, { AUDIT_RETENTION_DAYS: '1' }, database)
  const isRemoved = async () => {
    const { rowCount } = await pool.query("select from user_admin.audit_event where request_id = 'old'")
    return rowCount === 0
  }
  t.ok(await until(isRemoved))
})
