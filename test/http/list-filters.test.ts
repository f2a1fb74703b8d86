/** Filters of the list of users, each compared with a filter of the test's own over all of them. */
import t from 'tap'
import { findingUsers } from '../helpers/finding.js'
import { startService } from '../helpers/service.js'

const service = await startService(t)
const { makeUser, makeGroup, makePermission, makeCaller, pool } = service
const { key } = await makeCaller({ username: 'root', email: '' })

const [own, viaGroup, nobodys] = [await makePermission(), await makePermission(), await makePermission()]
const editors = await makeGroup([viaGroup])
const writers = await makeGroup([viaGroup, own])
const empty = await makeGroup()

/** A permission as Django calls it. */
async function nameOf(id: number): Promise<string> {
  const { rows } = await pool.query('select codename from auth_permission where id = $1', [id])
  return `tests.${rows[0].codename}`
}

const BEFORE = '2024-01-15T09:00:00.123455Z'
const AT = '2024-01-15T09:00:00.123456Z'
const AFTER = '2024-01-15T09:00:00.123457Z'

// Whatever a text may hold: what SQL and its patterns, and URLs, have a meaning for.
await makeUser({ username: 'percent', first_name: '100%', last_name: 'x_y', email: '' })
await makeUser({ username: 'hundred', first_name: '1000', last_name: 'xzy', email: 'Ada@Example.com' })
await makeUser({ username: 'backslash', first_name: 'a\\b', last_name: 'a\\\\b', email: 'ada@example.com' })
await makeUser({
  username: 'quotes',
  first_name: `O'Brien`,
  last_name: `"x" '); drop table x; --`,
  email: '',
})
await makeUser({ username: 'Éric', first_name: 'ÉMILE', last_name: 'çelik', email: 'eric@example.com' })
await makeUser({ username: 'éric', first_name: 'émile', last_name: 'Çelik', email: 'ÉRIC@example.com' })
await makeUser({ username: 'eric', first_name: 'Emile', last_name: 'Celik', email: 'ERIC@example.com' })
await makeUser({ username: '山田太郎', first_name: '太郎', last_name: '山田', email: '' })
await makeUser({ username: 'мария', first_name: 'МАРИЯ', last_name: 'Σίγμα', email: '' })
await makeUser({
  username: 'plus+amp&hash#',
  first_name: 'a&b=c',
  last_name: '?x#y+z %41',
  email: 'a+b@example.com',
})
await makeUser({ username: 'early', date_joined: BEFORE, last_login: BEFORE, is_active: false })
await makeUser({ username: 'on-time', date_joined: AT, last_login: AT, is_staff: true })
await makeUser({ username: 'late', date_joined: AFTER, last_login: AFTER, user_permissions: [own] })
await makeUser({ username: 'far', date_joined: '9999-12-31T23:59:59.999999Z', last_login: AFTER })
await makeUser({ username: 'member', groups: [editors] })
await makeUser({ username: 'both', groups: [editors, writers], user_permissions: [own, viaGroup] })
await makeUser({ username: 'writer', groups: [writers] })
await makeUser({ username: 'asleep', groups: [writers], user_permissions: [own], is_active: false })
await makeUser({ username: 'asleep-root', is_superuser: true, is_active: false })
await makeUser({ username: 'second-root', is_superuser: true })

const { all, get, names, same, finds } = await findingUsers(service, key)
const CONFERRED = new Map([
  [editors, [viaGroup]],
  [writers, [viaGroup, own]],
  [empty, [] as number[]],
])

const holds = (user: any, permission: number): boolean =>
  user.is_active &&
  (user.is_superuser ||
    user.user_permissions.includes(permission) ||
    user.groups.some((group: number) => CONFERRED.get(group)!.includes(permission)))

/** Texts of one form compare as instants do. */
const later = (one: string | null, other: string): boolean => one !== null && one > other

t.test('texts: exactly, and whatever their case', async (t) => {
  for (const field of ['username', 'email']) {
    for (const value of new Set<string>(all.map((user) => user[field]))) {
      await finds(t, { [field]: value }, (user) => user[field] === value)
      await finds(
        t,
        { [`${field}__iexact`]: value.toUpperCase() },
        (user) => user[field].toUpperCase() === value.toUpperCase(),
      )
      await finds(
        t,
        { [`${field}__iexact`]: value.toLowerCase() },
        (user) => user[field].toUpperCase() === value.toUpperCase(),
      )
    }
    for (const value of ['nobody', '%', '_', 'Ro_t', 'r%', "' or true --", 'root ', '\\'])
      await same(t, { [field]: value, [`${field}__iexact`]: value }, () => false)
  }
})

t.test('flags', async (t) => {
  for (const flag of ['is_active', 'is_staff', 'is_superuser']) {
    for (const value of [true, false])
      await finds(t, { [flag]: String(value) }, (user) => user[flag] === value)
    for (const value of ['', '1', '0', 'yes', 'True', 'null', 'true,false']) {
      const { status, body } = await get(`/admin/users/?${flag}=${value}`)
      t.strictSame([status, body.code], [400, 'invalid'], `${flag}=${value}`)
      t.ok(body.detail.includes(flag), 'it says which parameter')
    }
  }
})

t.test('ranges of instants, to the microsecond', async (t) => {
  const comparisons: Record<string, (value: string | null, bound: string) => boolean> = {
    gte: (value, bound) => value === bound || later(value, bound),
    gt: later,
    lte: (value, bound) => value !== null && !later(value, bound),
    lt: (value, bound) => value !== null && value !== bound && !later(value, bound),
  }
  for (const field of ['last_login', 'date_joined']) {
    for (const [name, compare] of Object.entries(comparisons)) {
      for (const bound of [BEFORE, AT, AFTER, '9999-12-31T23:59:59.999999Z'])
        await same(t, { [`${field}__${name}`]: bound }, (user) => compare(user[field], bound))
      // The same instant in other zones; RFC 3339 allows what no clock shows, and PostgreSQL would not read.
      for (const elsewhere of ['2024-01-15T14:30:00.123456+05:30', '2024-01-16T08:00:00.123456+23:00'])
        await finds(t, { [`${field}__${name}`]: elsewhere }, (user) => compare(user[field], AT))
      for (const bad of [
        '',
        'yesterday',
        '2024-01-15',
        '2024-02-30T00:00:00Z',
        '2024-01-15 09:00:00Z',
        'now',
        'infinity',
      ]) {
        const { status, body } = await get(`/admin/users/?${field}__${name}=${encodeURIComponent(bad)}`)
        t.strictSame([status, body.code], [400, 'invalid'], `${field}__${name}=${bad}`)
        t.ok(body.detail.includes(`${field}__${name}`), 'it says which parameter')
      }
    }
  }
  await finds(t, { last_login__isnull: 'true' }, (user) => user.last_login === null)
  await finds(t, { last_login__isnull: 'false' }, (user) => user.last_login !== null)
  t.equal((await get('/admin/users/?last_login=2024-01-15T09:00:00Z')).status, 400, 'exactly is no filter')
})

t.test('members of a group', async (t) => {
  for (const group of [editors, writers]) {
    await finds(t, { group: String(group) }, (user) => user.groups.includes(group))
    const { body } = await get(`/admin/groups/${group}/users/`)
    t.strictSame(
      body.results,
      all.filter((user) => user.groups.includes(group)),
      'the same as the list of its members',
    )
    const { body: active } = await get(`/admin/groups/${group}/users/?is_active=true&search=bot`)
    t.strictSame(
      names(active.results),
      names(
        all.filter(
          ({ groups, is_active, username }) => groups.includes(group) && is_active && username === 'both',
        ),
      ),
      'which takes the same filters',
    )
  }
  await same(t, { group: String(empty) }, () => false)
  for (const value of ['999999', '9999999999999999', '0', '-1', 'x', '', '01', '1,2', `${editors} `]) {
    const { status, body } = await get(`/admin/users/?group=${encodeURIComponent(value)}`)
    t.strictSame([status, body.code], [400, 'invalid'], `group=${value}`)
    t.match(body.detail, /group/, 'it says which parameter')
  }
  t.equal((await get(`/admin/groups/${editors}/users/?group=${editors}`)).status, 400)
})

t.test('holders of a permission: by themselves, through a group, as superusers', async (t) => {
  for (const permission of [own, viaGroup, nobodys]) {
    for (const value of [String(permission), await nameOf(permission)])
      await finds(t, { permission: value }, (user) => holds(user, permission))
    const { body } = await get(`/admin/groups/${writers}/users/?permission=${permission}`)
    t.strictSame(
      names(body.results),
      names(all.filter((user) => holds(user, permission) && user.groups.includes(writers))),
      'of a group',
    )
  }
  const holders = names(all.filter((user) => holds(user, own)))
  t.strictSame(holders, ['root', 'late', 'both', 'writer', 'second-root'], 'what is compared with is right')
  for (const value of [
    '999999',
    '9999999999999999',
    'tests.nothing',
    'nothing.view_user',
    'view_user',
    '',
    '.',
    'tests.',
    '.x',
    '0',
  ]) {
    for (const path of ['/admin/users/', '/admin/groups/', `/admin/groups/${editors}/users/`]) {
      const { status, body } = await get(`${path}?permission=${value}`)
      t.strictSame([status, body.code], [400, 'invalid'], `${path}?permission=${value}`)
      t.match(body.detail, /permission/, 'it says which parameter')
    }
  }
  for (const value of ['%00', 'a.%00', 'tests.%ED%A0%80', "tests.' or true --"])
    t.equal(
      (await get(`/admin/users/?permission=${encodeURI(value).replaceAll('%25', '%')}`)).status,
      400,
      value,
    )
})

t.test('a name that two permissions of an app share means both, as for has_perm', async (t) => {
  const make = async (model: string): Promise<number> => {
    const { rows } = await pool.query(
      `with type as (insert into django_content_type (app_label, model) values ('shared', $1) returning id)
       insert into auth_permission (name, content_type_id, codename) select $1, id, 'publish' from type returning id`,
      [model],
    )
    return rows[0].id
  }
  const [first, second] = [await make('article'), await make('book')]
  const holders = [
    await makeUser({ user_permissions: [first] }),
    await makeUser({ user_permissions: [second] }),
  ]
  for (const id of holders)
    t.equal(
      (await get(`/admin/users/${id}/permissions/shared.publish/`)).status,
      200,
      'each of them holds it',
    )
  const { body } = await get('/admin/users/?permission=shared.publish&is_superuser=false&fields=id')
  t.strictSame(
    body.results.map(({ id }: { id: number }) => id),
    holders,
    'and both are found',
  )
  await pool.query('delete from auth_user_user_permissions where user_id = any($1)', [holders])
  await pool.query('delete from auth_user where id = any($1)', [holders])
})

t.test('all filters together, in any order', async (t) => {
  await finds(
    t,
    {
      search: 'ada',
      permission: String(own),
      is_active: 'true',
      is_superuser: 'false',
      group: String(writers),
      date_joined__gte: AT,
      last_login__isnull: 'true',
    },
    (user) => user.groups.includes(writers) && user.is_active,
  )
  await same(t, { is_active: 'true', last_login__lte: BEFORE }, () => false)
  const { body } = await get('/admin/users/?ordering=-username&is_staff=true&fields=username')
  t.strictSame(body.results, [{ username: 'root' }, { username: 'on-time' }])
})
