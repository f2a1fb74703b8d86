/** What is read of the tables of every Django, against what its release notes say. */
import type pg from 'pg'
import t from 'tap'
import { type IdType, inspectSchema } from '../../src/db/live-schema.js'
import { Names } from '../../src/db/names.js'
import { createDatabase } from '../helpers/database.js'
import { DJANGO_VERSIONS, type DjangoVersion, loadDjango, userModelOf } from '../helpers/django-schemas.js'

interface Release {
  firstName: number
  groupName: number
  /** Of the tables between users, groups and permissions. */
  memberships: IdType
  identity: boolean
  actions: string[]
}

const DJANGO_2_0: Release = {
  firstName: 30,
  groupName: 80,
  memberships: 'integer',
  identity: false,
  actions: ['add', 'change', 'delete'],
}
const DJANGO_2_1 = { ...DJANGO_2_0, actions: ['add', 'change', 'delete', 'view'] }
const DJANGO_2_2 = { ...DJANGO_2_1, groupName: 150 }
const DJANGO_3_1 = { ...DJANGO_2_2, firstName: 150 }
const DJANGO_3_2 = { ...DJANGO_3_1, memberships: 'bigint' } satisfies Release
const DJANGO_4_1 = { ...DJANGO_3_2, identity: true }

const RELEASES: Record<DjangoVersion, Release> = {
  '2.0': DJANGO_2_0,
  '2.1': DJANGO_2_1,
  '2.2': DJANGO_2_2,
  '3.0': DJANGO_2_2,
  '3.1': DJANGO_3_1,
  '3.2': DJANGO_3_2,
  '4.0': DJANGO_3_2,
  '4.1': DJANGO_4_1,
  '4.2': DJANGO_4_1,
  '5.0': DJANGO_4_1,
  '5.1': DJANGO_4_1,
  '5.2': DJANGO_4_1,
}

const newest = await createDatabase(t, { template: 'empty' })
await loadDjango(newest.pool, '5.2')
const NAMES = await namesOf(newest.pool)

const idTypes = (user: IdType, memberships: IdType) => ({
  auth_user: user,
  auth_group: 'integer',
  auth_permission: 'integer',
  django_content_type: 'integer',
  auth_user_groups: memberships,
  auth_user_user_permissions: memberships,
  auth_group_permissions: memberships,
})

for (const version of DJANGO_VERSIONS) {
  t.test(`Django ${version}`, async (t) => {
    const { pool } = await createDatabase(t, { template: 'empty' })
    await loadDjango(pool, version)
    const { firstName, groupName, memberships, ...others } = RELEASES[version]
    t.strictSame(await inspectSchema(pool), {
      schema: 'public',
      widths: { username: 150, first_name: firstName, last_name: 150, email: 254, password: 128 },
      groupNameWidth: groupName,
      idTypes: idTypes('integer', memberships),
      hasAuthTokens: true,
      deletedWithUser: ['authtoken_token', 'django_admin_log'],
      adminLog: 'writable',
      longestFirstName: null,
    })
    t.strictSame(await lookAt(pool), others)
    t.strictSame(await namesOf(pool), NAMES, 'constraints and indexes have the names of Django 5.2')
  })
}

t.test('a project with a user model of its own', async (t) => {
  const { pool } = await createDatabase(t, { template: 'empty' })
  await loadDjango(pool, 'custom-user')
  const live = await inspectSchema(pool, { names: new Names({ userModel: userModelOf('custom-user') }) })
  t.match(live, { idTypes: idTypes('bigint', 'bigint'), hasAuthTokens: true, adminLog: 'writable' })
  t.strictSame(live.deletedWithUser, ['authtoken_token', 'django_admin_log'])
  await t.rejects(inspectSchema(pool), { message: /the table auth_user is missing/ }, 'it has no other')
})

/** What the service does not ask for, but a dump must have right. */
async function lookAt(pool: pg.Pool): Promise<Pick<Release, 'identity' | 'actions'>> {
  const { rows } = await pool.query(
    `select
       (select every(attidentity = 'd') from pg_attribute where attname = 'id' and attnum > 0
          and attrelid in (select oid from pg_class where relkind = 'r' and relnamespace = 'public'::regnamespace))
         as identity,
       (select array_agg(substring(codename from '[a-z]+') order by p.id) from auth_permission p
          join django_content_type c on c.id = content_type_id where app_label = 'auth' and model = 'user')
         as actions`,
  )
  return rows[0]
}

/** Of constraints and indexes, but for those of NOT NULL, which PostgreSQL names. */
async function namesOf(pool: pg.Pool): Promise<string[]> {
  const { rows } = await pool.query(
    `select conname as name from pg_constraint where connamespace = 'public'::regnamespace and contype <> 'n'
     union select relname from pg_class where relnamespace = 'public'::regnamespace and relkind in ('i', 'S')
     order by name`,
  )
  return rows.map(({ name }) => name)
}
