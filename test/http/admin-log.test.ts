/** Entries in Django's own log of changes: as its admin site makes them, and only where that is wanted. */
import t, { type Test } from 'tap'
import { createDatabase } from '../helpers/database.js'
import { startIdentityProvider } from '../helpers/identity-provider.js'
import { startService } from '../helpers/service.js'

// As Django 3.2 makes it.
const LOG = `create table django_admin_log (
  id serial primary key,
  action_time timestamptz not null,
  object_id text,
  object_repr varchar(200) not null,
  action_flag smallint not null check (action_flag >= 0),
  change_message text not null,
  content_type_id integer references django_content_type (id) deferrable initially deferred,
  user_id integer not null references auth_user (id) deferrable initially deferred
)`

async function start(t: Test, settings = {}) {
  const database = await createDatabase(t)
  await database.pool.query(LOG)
  const service = await startService(t, { DJANGO_ADMIN_LOG: 'on', ...settings }, database)
  const root = await service.makeCaller({ username: 'root' })
  const call = async (method: string, path: string, status: number, body?: unknown, key = root.key) => {
    const answer = await service.request(method, `/admin${path}`, { key, body })
    t.equal(answer.status, status, `${method} ${path} ${answer.text}`)
    return answer.body
  }
  const entries = async () => {
    const { rows } = await database.pool.query(
      `select user_id as by, c.app_label || '.' || c.model as type, object_id as id, object_repr as repr,
         action_flag as flag, change_message as message
       from django_admin_log l left join django_content_type c on c.id = l.content_type_id order by l.id`,
    )
    await database.pool.query('delete from django_admin_log')
    return rows
  }
  return { ...service, root, call, entries }
}

t.test('users: what was done, by whom, in the words of the admin site', async (t) => {
  const { root, call, entries, makeGroup } = await start(t)
  const group = await makeGroup()
  const { id } = await call('POST', '/users/', 201, { username: 'ada', password: 'correct horse' })
  const entry = { by: root.id, type: 'auth.user', id: String(id) }
  t.strictSame(await entries(), [{ ...entry, repr: 'ada', flag: 1, message: '[{"added": {}}]' }])

  await call('PATCH', `/users/${id}/`, 200, {
    user_permissions: [1],
    groups: [group],
    email: 'ada@example.com',
    username: 'lovelace',
    is_staff: true,
    last_login: '2024-01-01T00:00:00Z',
    password: 'another horse',
  })
  t.strictSame(await entries(), [
    {
      ...entry,
      repr: 'lovelace',
      flag: 2,
      message:
        '[{"changed": {"fields": ["Username", "password", "Email address", "Staff status", "Groups", "User permissions", "Last login"]}}]',
    },
  ])

  await call('PATCH', `/users/${id}/`, 200, { username: 'lovelace' })
  await call('PATCH', `/users/${id}/?dry_run=true`, 200, { username: 'other' })
  await call('PATCH', `/users/${id}/`, 400, { username: '' })
  t.strictSame(await entries(), [], 'nothing changed')

  await call('DELETE', `/users/${id}/groups/${group}/`, 204)
  await call('PATCH', '/users/', 200, [
    { id, first_name: 'Grace' },
    { id: root.id, first_name: 'Grace' },
  ])
  const changed = (field: string) => `[{"changed": {"fields": ["${field}"]}}]`
  t.strictSame(await entries(), [
    { ...entry, repr: 'lovelace', flag: 2, message: changed('Groups') },
    { ...entry, repr: 'lovelace', flag: 2, message: changed('First name') },
    { ...entry, id: String(root.id), repr: 'root', flag: 2, message: changed('First name') },
  ])

  await call('DELETE', `/users/${id}/`, 204)
  t.strictSame(await entries(), [{ ...entry, repr: 'lovelace', flag: 3, message: '' }])
})

t.test('groups', async (t) => {
  const { root, call, entries } = await start(t)
  const long = 'x'.repeat(150)
  const { id } = await call('POST', '/groups/', 201, { name: 'editors' })
  await call('PATCH', `/groups/${id}/`, 200, { permissions: [1], name: long })
  await call('DELETE', `/groups/${id}/`, 204)
  const entry = { by: root.id, type: 'auth.group', id: String(id) }
  t.strictSame(await entries(), [
    { ...entry, repr: 'editors', flag: 1, message: '[{"added": {}}]' },
    { ...entry, repr: long, flag: 2, message: '[{"changed": {"fields": ["Name", "Permissions"]}}]' },
    { ...entry, repr: long, flag: 3, message: '' },
  ])
})

t.test('what is refused is not entered, nor what a rolled back request did', async (t) => {
  const { call, entries, makeCaller, makeUser, findPermission } = await start(t)
  const { key } = await makeCaller({
    is_superuser: false,
    user_permissions: [await findPermission('change_user')],
  })
  const id = await makeUser()
  await call('PATCH', `/users/${id}/`, 403, { is_superuser: true }, key)
  await call('PATCH', '/users/', 400, [
    { id, first_name: 'Grace' },
    { id, user_permissions: [999_999] },
  ])
  t.strictSame(await entries(), [])
  await call('PATCH', `/users/${id}/`, 200, { first_name: 'Grace' }, key)
  t.equal((await entries()).length, 1)
})

t.test('a user goes with the entries of their own, also with the one of the deletion', async (t) => {
  const { call, entries, makeCaller, pool } = await start(t)
  const other = await makeCaller({ username: 'other' })
  await call('PATCH', `/users/${other.id}/`, 200, { first_name: 'Grace' }, other.key)
  await call('DELETE', `/users/${other.id}/`, 204, undefined, other.key)
  t.strictSame(await entries(), [])
  const { rows } = await pool.query("select from user_admin.audit_event where action = 'user.delete'")
  t.equal(rows.length, 1, 'our own record keeps it')
})

t.test('a machine that is no user is entered as the one who stands for it', async (t) => {
  const provider = await startIdentityProvider(t)
  const jwt = { ...provider.settings, JWT_SCOPES: 'directory.write=auth.change_user' }
  const { makeUser, database } = await start(t, jwt)
  const log = { ...jwt, DJANGO_ADMIN_LOG: 'on', DJANGO_ADMIN_LOG_USER: 'machines' }
  await t.rejects(startService(t, log, database), {
    message: /DJANGO_ADMIN_LOG_USER\) is machines, and there is no/,
  })
  const machines = await makeUser({ username: 'machines' })
  const key = await provider.clientToken('directory.write')
  const id = await makeUser({ username: 'ada' })
  const change = async (settings: object, first_name: string) => {
    const { request } = await startService(t, settings, database)
    const answer = await request('PATCH', `/admin/users/${id}/`, { key, body: { first_name } })
    t.equal(answer.status, 200)
    const { rows } = await database.pool.query(
      'select user_id, object_repr, action_flag from django_admin_log order by id',
    )
    return rows
  }
  const entry = { user_id: machines, object_repr: 'ada', action_flag: 2 }
  t.strictSame(await change(log, 'Jean'), [entry])
  t.strictSame(
    await change({ ...jwt, DJANGO_ADMIN_LOG: 'on' }, 'Mary'),
    [entry],
    'where nobody stands for it',
  )
})

t.test('off by default, and where there is no such table', async (t) => {
  const { call, entries, root } = await start(t, { DJANGO_ADMIN_LOG: 'off' })
  await call('PATCH', `/users/${root.id}/`, 200, { first_name: 'Grace' })
  t.strictSame(await entries(), [])
  const without = await startService(t, { DJANGO_ADMIN_LOG: 'on' })
  const caller = await without.makeCaller()
  const answer = await without.request('PATCH', `/admin/users/${caller.id}/`, {
    key: caller.key,
    body: { first_name: 'Ada' },
  })
  t.equal(answer.status, 200)
})

t.test('a log whose numbers the role may not take fails the start', async (t) => {
  const database = await createDatabase(t)
  const role = `log_${process.pid}`
  await database.pool.query(
    `${LOG}; create role ${role} login; grant pg_read_all_data to ${role}; grant insert, delete on django_admin_log to ${role}`,
  )
  t.teardown(() => database.pool.query(`drop owned by ${role}; drop role ${role}`))
  const url = new URL(database.url)
  url.username = role
  const asRole = { ...database, url: url.href }
  await t.rejects(startService(t, { DJANGO_ADMIN_LOG: 'on' }, asRole), { message: /USAGE of its sequence/ })
  await database.pool.query(`grant usage on sequence django_admin_log_id_seq to ${role}`)
  await t.resolves(startService(t, { DJANGO_ADMIN_LOG: 'on' }, asRole))
})

t.test('a log that cannot be written to fails the start', async (t) => {
  const database = await createDatabase(t)
  await database.pool.query(`${LOG}; alter table django_admin_log rename object_repr to title`)
  await t.rejects(startService(t, { DJANGO_ADMIN_LOG: 'on' }, database), {
    name: 'SetupError',
    message: /DJANGO_ADMIN_LOG.*django_admin_log can't be written to/,
  })
  await t.resolves(startService(t, {}, database), 'where nobody wants it')
})
