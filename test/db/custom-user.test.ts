/** A user model of the project's own: its tables, its permissions, and what can't be served. */
import t, { type Test } from 'tap'
import { inspectSchema } from '../../src/db/live-schema.js'
import { migrate } from '../../src/db/migrate.js'
import { Names } from '../../src/db/names.js'
import { createDatabase } from '../helpers/database.js'
import { startService } from '../helpers/service.js'

const MODEL = { AUTH_USER_MODEL: 'crm.Member' } as const

// As Django names them; the class is not called User, so that its membership tables have columns of another name.
const RENAMED = `
  create schema crm;
  alter table auth_user set schema crm; alter table crm.auth_user rename to crm_member;
  alter table auth_user_groups rename to crm_member_groups;
  alter table crm_member_groups rename user_id to member_id;
  alter table auth_user_user_permissions rename to crm_member_user_permissions;
  alter table crm_member_user_permissions rename user_id to member_id;
  alter table auth_group rename to teams;
  update django_content_type set app_label = 'crm', model = 'member' where (app_label, model) = ('auth', 'user');
  update auth_permission set codename = replace(codename, '_user', '_member') where codename like '%\\_user';`

// What the guide says to make.
const VIEWS = `
  create view user_admin.member_groups as
    select id, member_id as user_id, group_id from crm_member_groups;
  create view user_admin.member_permissions as
    select id, member_id as user_id, permission_id from crm_member_user_permissions;`

const SETTINGS = {
  ...MODEL,
  AUTH_USER_TABLE: 'crm.crm_member',
  AUTH_USER_GROUPS_TABLE: 'user_admin.member_groups',
  AUTH_USER_USER_PERMISSIONS_TABLE: 'user_admin.member_permissions',
  AUTH_GROUP_TABLE: 'teams',
}

async function start(t: Test) {
  const database = await createDatabase(t)
  await database.pool.query(RENAMED + VIEWS)
  return startService(t, SETTINGS, database)
}

t.test('everything works under other names', async (t) => {
  const { request, makeCaller, makeGroup, pool } = await start(t)
  const { key } = await makeCaller()
  const call = async (method: string, path: string, status: number, body?: unknown) => {
    const answer = await request(method, `/admin${path}`, { key, body })
    t.equal(answer.status, status, `${method} ${path} ${answer.text}`)
    return answer.body
  }
  const [group, doomed] = [await makeGroup([1]), await makeGroup()]
  const { id } = await call('POST', '/users/', 201, { username: 'ada', password: 'a horse', groups: [group] })
  t.match(
    await call('PATCH', `/users/${id}/`, 200, {
      email: 'a@example.com',
      groups: [doomed],
      user_permissions: [2, 3],
    }),
    { groups: [doomed], user_permissions: [2, 3] },
  )
  t.match(await call('PATCH', `/users/${id}/`, 400, { groups: [999_999] }), {
    errors: [{ pointer: '/groups/0', code: 'does_not_exist' }],
  })
  t.equal((await call('GET', `/users/?group=${doomed}&search=ada`, 200)).count, 1)
  t.equal((await call('GET', `/users/${id}/permissions/`, 200)).count, 2)
  t.equal((await call('GET', `/users/?permission=crm.change_member`, 200)).count, 1, 'the superuser')
  await call('PATCH', `/groups/${group}/`, 200, { permissions: [4] })
  await call('PATCH', '/users/', 200, [{ id, first_name: 'Ada' }])
  await call('DELETE', `/groups/${doomed}/`, 204)
  t.strictSame((await call('GET', `/users/${id}/`, 200)).groups, [])
  await call('DELETE', `/users/${id}/`, 204)
  const { rows } = await pool.query('select from crm_member_user_permissions where member_id = $1', [id])
  t.equal(rows.length, 0)
})

t.test('names that are taken by a race are told by their field', async (t) => {
  const { request, makeCaller } = await start(t)
  const { key } = await makeCaller()
  const body = { username: 'ada', password: 'a horse' }
  const answers = await Promise.all(
    Array.from({ length: 4 }, () => request('POST', '/admin/users/', { key, body })),
  )
  t.strictSame(answers.map(({ status }) => status).toSorted(), [201, 400, 400, 400])
  for (const { status, body } of answers)
    if (status === 400) t.match(body.errors, [{ pointer: '/username', code: 'unique' }])
})

t.test("the project's permissions count, and no others", async (t) => {
  const { request, makeCaller, makeUser, findPermission, pool } = await start(t)
  const target = await makeUser()
  const { rows } = await pool.query(
    `with old as (insert into django_content_type (app_label, model) values ('auth', 'user') returning id)
     insert into auth_permission (name, content_type_id, codename)
     select 'left over', id, 'change_user' from old
     union all select 'odd', id, 'change_user' from django_content_type where model in ('member', 'group') returning id`,
  )
  const staff = { is_superuser: false, is_staff: true }
  const patch = async (user_permissions: number[]) => {
    const { key } = await makeCaller({ ...staff, user_permissions })
    return request('PATCH', `/admin/users/${target}/`, { key, body: { first_name: 'Ada' } })
  }
  t.equal((await patch([await findPermission('change_user')])).status, 200, 'crm.change_member')
  for (const { id } of rows) {
    const answer = await patch([id])
    t.equal(answer.status, 403)
    t.strictSame(answer.body.missing_permissions, ['crm.change_member'])
  }
})

t.test('what can not be served is named', async (t) => {
  const { pool, url } = await createDatabase(t)
  await pool.query(RENAMED)
  const names = new Names({
    userModel: 'crm.Member',
    tables: { auth_user: 'crm.crm_member', auth_group: 'teams' },
  })
  await t.rejects(inspectSchema(pool, { names }), {
    name: 'UnservableSchemaError',
    message: /crm_member_groups.user_id is missing.*crm_member_user_permissions.user_id is missing/,
  })
  await pool.query(
    `alter table crm_member_groups rename member_id to user_id;
     alter table crm_member_user_permissions rename member_id to user_id;
     alter table crm.crm_member add tenant integer not null, add note text not null default '', alter password type varchar(60)`,
  )
  await t.rejects(inspectSchema(pool, { names }), {
    message:
      /^These tables can't be served: crm\.crm_member\.password is character varying\(60\) and must be character varying\(128\); crm\.crm_member\.tenant is NOT NULL without a default/,
  })
  await pool.query(`create domain filled as integer not null default 1; create domain demanded as integer not null;
    alter table crm.crm_member alter tenant set default 1, alter password type varchar(128), add kind filled;
    alter table teams add kind demanded`)
  await t.rejects(inspectSchema(pool, { names }), {
    message: /^These tables can't be served: teams\.kind is NOT NULL without a default[^;]*\. Needed/,
  })
  await pool.query('alter table teams drop kind')
  await t.resolves(inspectSchema(pool, { names }))
  await t.rejects(inspectSchema(pool, { names: new Names({ userModel: 'crm.Person' }) }), {
    message: /the table crm_person is missing; .*the table crm_person_groups is missing/,
  })
  await pool.query('drop schema user_admin cascade')
  await t.rejects(migrate(url, { names: new Names({ userModel: 'crm.Person' }) }), {
    name: 'PartialSchemaError',
    message: /lacks auth_group, crm_person, .*AUTH_USER_MODEL/,
  })
})

t.test('columns narrower than today are told before the database refuses', async (t) => {
  const database = await createDatabase(t)
  await database.pool.query(
    `alter table auth_group alter name type varchar(80);
     alter table auth_user alter last_name type varchar(30), alter email type varchar(75), alter username type varchar(30)`,
  )
  const { request, makeCaller } = await startService(t, {}, database)
  const { key, id } = await makeCaller()
  const body = {
    username: 'u'.repeat(31),
    last_name: 'n'.repeat(31),
    email: `${'e'.repeat(60)}@example-domain.com`,
  }
  const answer = await request('PATCH', `/admin/users/${id}/`, { key, body })
  t.equal(answer.status, 400)
  t.strictSame(
    answer.body.errors.map(({ pointer, code }: { pointer: string; code: string }) => [pointer, code]),
    [
      ['/username', 'max_length'],
      ['/last_name', 'max_length'],
      ['/email', 'max_length'],
    ],
  )
  for (const [length, status] of [
    [80, 201],
    [81, 400],
  ] as const) {
    const group = await request('POST', '/admin/groups/', { key, body: { name: 'g'.repeat(length) } })
    t.equal(group.status, status)
  }
})
