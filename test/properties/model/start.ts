/** Where every run starts: the same people, on a database as if nothing had happened. And how it stands at the end. */
import type pg from 'pg'
import type { TestService } from '../../helpers/service.js'
import { type Caller, CALLERS, type CallerName, type Real } from './call.js'
import { ascending, Directory, type Group, type Permission, type User } from './directory.js'

const GROUPS = ['red', 'green', 'blue', 'grey']
const [RED, GREEN] = [1, 2]

/** Whom the callers act on, and each other. */
const OTHERS = ['ada', 'bob', 'cyd']

const MANAGERS = ['add_user', 'delete_user', 'add_group', 'change_group', 'delete_group']

/** Who each caller is; `held` are names of permissions. */
const ROLES: Record<CallerName, Partial<User> & { held: string[] }> = {
  boss: { is_staff: true, is_superuser: true, held: [] },
  helper: { is_staff: true, groups: [RED], held: ['auth.change_user', 'auth.view_user', 'tests.one'] },
  registrar: {
    is_staff: true,
    groups: [GREEN],
    held: [...MANAGERS.map((name) => `auth.${name}`), 'tests.two'],
  },
  clerk: { is_staff: true, held: [] },
  outsider: { held: ['auth.change_user', 'auth.delete_user', 'tests.one'] },
  // Who is still somebody without being a superuser.
  deputy: { is_staff: true, is_superuser: true, held: ['auth.change_user', 'auth.view_user'] },
}

const TESTS = ['one', 'two', 'three', 'four']

/** Django's permissions, and some of the tests' own, which exist from then on. */
export async function makePermissions({ pool }: TestService): Promise<Map<number, Permission>> {
  await pool.query(
    `with app as (insert into django_content_type (app_label, model) values ('tests', 'thing') returning id)
     insert into auth_permission (name, content_type_id, codename) select name, id, name from app, unnest($1::text[]) name`,
    [TESTS],
  )
  const { rows } = await pool.query<Permission>(
    `select p.id, c.app_label || '.' || p.codename as permission, p.name, p.content_type_id as content_type,
       c.app_label, c.model, p.codename
     from auth_permission p join django_content_type c on c.id = p.content_type_id order by p.id`,
  )
  return new Map(rows.map((row) => [row.id, row]))
}

/** The permissions that are given and taken: some open routes, the others stand for themselves. */
export const poolOf = (permissions: ReadonlyMap<number, Permission>): number[] =>
  [...permissions.values()]
    .filter(({ permission }) => /^tests\.|^auth\.(change_user|delete_user|change_group)$/.test(permission))
    .map(({ id }) => id)

/** In what runs differ from the start. Of the pool, the indexes. */
export interface Start {
  isDeputyActive: boolean
  ofGroups: number[][]
  ofOthers: number[][]
}

export function directoryOf(
  permissions: ReadonlyMap<number, Permission>,
  { isDeputyActive, ofGroups, ofOthers }: Start,
): Directory {
  const directory = new Directory(permissions)
  const pool = poolOf(permissions)
  const idsOf = (indexes: number[] = []) => indexes.map((index) => pool[index]!).sort(ascending)
  for (const [index, name] of GROUPS.entries())
    directory.groups.set(index + 1, { id: index + 1, name, permissions: idsOf(ofGroups[index]) })
  const add = (username: string, fields: Partial<User>) => {
    const id = directory.users.size + 1
    directory.users.set(id, { ...plainUser(id, username), ...fields })
  }
  for (const name of CALLERS) {
    const { held, ...fields } = ROLES[name]
    const user_permissions = held.map((codename) => directory.permissionNamed(codename)!).sort(ascending)
    add(name, { ...fields, user_permissions, is_active: name !== 'deputy' || isDeputyActive })
  }
  for (const [index, name] of OTHERS.entries())
    add(name, { user_permissions: idsOf(ofOthers[index]), groups: index === 0 ? [RED, GREEN] : [] })
  return directory
}

const plainUser = (id: number, username: string): User => ({
  id,
  password: '!',
  last_login: null,
  is_superuser: false,
  username,
  first_name: 'Ann',
  last_name: '',
  email: `${username}@example.org`,
  is_staff: false,
  is_active: true,
  date_joined: '2024-01-15T09:00:00.123456Z',
  groups: [],
  user_permissions: [],
})

/** Ids of new users and groups: beyond those of the start. */
const FIRST_NEW_ID = 101

/** Makes the database what the directory is, with a key for each caller. */
export async function store(service: TestService, { users, groups }: Directory): Promise<Real['callers']> {
  const { pool } = service
  const all = [...users.values()]
  await pool.query(`truncate auth_user, auth_group, auth_user_groups, auth_user_user_permissions,
    auth_group_permissions, user_admin.api_key`)
  await pool.query(`alter table auth_user alter id restart ${FIRST_NEW_ID}`)
  await pool.query(`alter table auth_group alter id restart ${FIRST_NEW_ID}`)
  await pool.query('insert into auth_user select * from json_populate_recordset(null::auth_user, $1)', [
    JSON.stringify(all),
  ])
  await pool.query('insert into auth_group select * from json_populate_recordset(null::auth_group, $1)', [
    JSON.stringify([...groups.values()]),
  ])
  const pairs = (table: string, columns: string, rows: number[][]) =>
    pool.query(`insert into ${table} (${columns}) select * from unnest($1::int[], $2::int[])`, [
      rows.map(([one]) => one),
      rows.map(([, other]) => other),
    ])
  await pairs(
    'auth_user_groups',
    'user_id, group_id',
    all.flatMap((user) => user.groups.map((id) => [user.id, id])),
  )
  await pairs(
    'auth_user_user_permissions',
    'user_id, permission_id',
    all.flatMap((user) => user.user_permissions.map((id) => [user.id, id])),
  )
  await pairs(
    'auth_group_permissions',
    'group_id, permission_id',
    [...groups.values()].flatMap((group) => group.permissions.map((id) => [group.id, id])),
  )
  return makeKeys(service)
}

async function makeKeys({ pool, makeKey }: TestService): Promise<Real['callers']> {
  const callers: Partial<Record<CallerName, Caller>> = {}
  for (const [index, name] of CALLERS.entries()) {
    const id = index + 1
    const key = await makeKey(id)
    const { rows } = await pool.query<{ id: string }>(
      'select id from user_admin.api_key where user_id = $1',
      [id],
    )
    callers[name] = { id, key, credential: `api_key:${rows[0]!.id}` }
  }
  return callers as Real['callers']
}

/** Users and groups as they are stored, in the terms of the directory. */
export async function readStored(pool: pg.Pool): Promise<{ users: User[]; groups: Group[] }> {
  const instant = (column: string) =>
    `replace(to_char(${column} at time zone 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"'), '.000000Z', 'Z')`
  const set = (table: string, owner: string, member: string) =>
    `array(select ${member} from ${table} where ${owner} = t.id order by 1)`
  const { rows: users } = await pool.query(
    `select t.*, ${instant('last_login')} as last_login, ${instant('date_joined')} as date_joined,
       case when password like '!%' then '!' else split_part(password, '$', 1) || '$********' end as password,
       ${set('auth_user_groups', 'user_id', 'group_id')} as groups,
       ${set('auth_user_user_permissions', 'user_id', 'permission_id')} as user_permissions
     from auth_user t order by id`,
  )
  const { rows: groups } = await pool.query(
    `select t.*, ${set('auth_group_permissions', 'group_id', 'permission_id')} as permissions
     from auth_group t order by id`,
  )
  return { users, groups }
}
