import t from 'tap'
import { Names } from '../../src/db/names.js'
import { SetupError } from '../../src/errors.js'

const SQL = `select u.id from auth_user u join "auth_user_groups" as "m" on m.user_id = u.id
  join auth_group on auth_group.id = m.group_id where $1 = auth_user_model or my_auth_user = auth_users`

t.test("Django's own names", (t) => {
  const names = new Names()
  t.ok(names.isDjangosOwn)
  t.strictSame(names.translate({ name: 'find', sql: 'select from auth_user' }), {
    name: 'find',
    sql: 'select from "auth_user"',
  })
  t.equal(names.permission('auth.change_user'), 'auth.change_user')
  t.end()
})

t.test('a user model of the project', (t) => {
  const names = new Names({
    userModel: 'crm.Member',
    tables: { auth_group: 'People.Teams', auth_user: undefined },
  })
  t.notOk(names.isDjangosOwn)
  t.equal(
    names.inSql(SQL),
    `select u.id from "crm_member" u join "crm_member_groups" as "m" on m.user_id = u.id
  join "People"."Teams" on "People"."Teams".id = m.group_id where $1 = 'crm.member' or my_auth_user = auth_users`,
    'whole words alone',
  )
  t.equal(names.relation('auth_user_user_permissions'), '"crm_member_user_permissions"')
  t.equal(names.relation('auth_group_permissions'), '"auth_group_permissions"')
  t.equal(names.djangoTable('Teams'), 'auth_group')
  t.equal(names.djangoTable('crm_member'), 'auth_user')
  t.equal(names.djangoTable('member'), 'member')
  t.equal(names.shown('auth_group'), 'People.Teams')
  t.equal(names.permission('auth.change_user'), 'crm.change_member')
  t.equal(names.permission('auth.change_group'), 'auth.change_group')
  t.end()
})

t.test('a prepared statement has another name where its text is another, and is translated once', (t) => {
  const statement = { name: 'find', sql: 'select from auth_user' }
  const crm = new Names({ userModel: 'crm.Member' })
  const shop = new Names({ userModel: 'shop.Member' })
  t.equal(crm.translate(statement), crm.translate(statement))
  const prepared = [new Names(), crm, shop].map((names) => names.translate(statement).name)
  t.equal(new Set(prepared).size, 3)
  t.equal(new Names({ userModel: 'crm.Member' }).translate(statement).name, prepared[1])
  t.strictSame(crm.translate({ name: undefined, sql: 'table auth_group' }), {
    name: undefined,
    sql: 'table "auth_group"',
  })
  t.end()
})

t.test('what is no name', (t) => {
  for (const userModel of ['User', 'a.b.C', 'a.', "a.b'; drop table x"])
    t.throws(() => new Names({ userModel }), SetupError, userModel)
  for (const table of ['', 'a"b', 'a.b.c', 'a.', 'x'.repeat(64)])
    t.throws(() => new Names({ tables: { auth_user: table } }), SetupError, table)
  t.end()
})
