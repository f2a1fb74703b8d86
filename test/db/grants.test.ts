// The role that the README describes may do everything that the API does, and no more.
import { readFileSync } from 'node:fs'
import path from 'node:path'
import t from 'tap'
import { createDatabase } from '../helpers/database.js'
import { startService } from '../helpers/service.js'

const README = readFileSync(path.join(import.meta.dirname, '../../README.md'), 'utf8')
const [grants = ''] = /(?<=```sql\n)grant usage on schema[^`]*/.exec(README) ?? []

t.test('every operation works under the grants of the README', async (t) => {
  const role = `service_${process.pid}`
  const database = await createDatabase(t)
  await database.pool.query(`create role ${role} login; ${grants.replaceAll(/\bservice\b/g, role)}`)
  t.teardown(() => database.pool.query(`drop owned by ${role}; drop role ${role}`))
  const url = new URL(database.url)
  url.username = role
  const service = await startService(t, { AUDIT_RETENTION_DAYS: '1' }, { ...database, url: url.href })
  const { key, id: me } = await service.makeCaller()
  await database.pool.query(
    "insert into user_admin.audit_event (occurred_at, request_id, action, outcome, target_type, changes) values (now() - interval '9 days', 'x', 'user.update', 'applied', 'user', '{}')",
  )
  const call = async (method: string, path: string, status: number, body?: unknown) => {
    const answer = await service.request(method, `/admin${path}`, {
      key,
      ...(body === undefined ? {} : { body }),
    })
    t.equal(answer.status, status, `${method} ${path} ${answer.body?.detail ?? ''}`)
    return answer.body
  }
  const { id: group } = await call('POST', '/groups/', 201, { name: 'editors', permissions: [1] })
  const { id } = await call('POST', '/users/', 201, {
    username: 'ada',
    password: 'correct horse',
    groups: [group],
    user_permissions: [2],
  })
  await call('PATCH', `/users/${id}/`, 200, { first_name: 'Ada', groups: [], user_permissions: [3] })
  await call('PUT', `/users/${id}/`, 200, { username: 'ada', password: 'correct horse' })
  await call('PATCH', '/users/', 200, [{ id, is_staff: true }])
  await call('PATCH', `/users/${id}/?revoke=keys`, 200, { is_active: false })
  const headers = { 'idempotency-key': 'once' }
  for (const name of ['readers', 'readers']) {
    const answer = await service.request('POST', '/admin/groups/', { key, body: { name }, headers })
    t.equal(answer.status, 201, 'a request that comes twice')
  }
  await call('PUT', `/users/${id}/groups/${group}/`, 204)
  await call('DELETE', `/users/${id}/permissions/auth.add_user/`, 204)
  await call('PATCH', `/groups/${group}/`, 200, { permissions: [4, 5] })
  await call('PUT', `/groups/${group}/`, 200, { name: 'writers' })
  const lists = [
    '/users/',
    '/groups/',
    '/permissions/',
    `/groups/${group}/users/`,
    '/events/',
    '/events/?after=0',
  ]
  for (const path of [...lists, '/me/', `/users/${id}/permissions/`, `/users/${id}/history/`])
    await call('GET', path, 200)
  await call('DELETE', `/groups/${group}/`, 204)
  await call('DELETE', `/users/${id}/`, 204)

  const asRole = (sql: string) =>
    database.pool.query(`begin; set local role ${role}; ${sql}; commit`).catch(({ code }) => code)
  for (const sql of [
    'create table public.mine ()',
    'alter table auth_user add column mine text',
    `insert into user_admin.api_key (user_id, prefix, key_hash) values (${me}, '', '')`,
    'update user_admin.audit_event set actor_id = 1',
    'update user_admin.api_key set key_hash = key_hash',
    'update user_admin.secret set secret = secret',
    'delete from auth_permission',
  ])
    t.equal(await asRole(sql), '42501', sql)
})
