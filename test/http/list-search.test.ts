/** Words that lists are searched for, and the filters of groups and permissions. */
import t from 'tap'
import { findingUsers } from '../helpers/finding.js'
import { startService } from '../helpers/service.js'

const service = await startService(t)
const { makeUser, makeGroup, makePermission, makeCaller, findPermission, pool } = service
const { key, id: rootId } = await makeCaller({ username: 'root', email: '' })

const [own, viaGroup, nobodys] = [await makePermission(), await makePermission(), await makePermission()]
const editors = await makeGroup([viaGroup])
const writers = await makeGroup([viaGroup, own])
const empty = await makeGroup()

/** A permission as Django calls it. */
async function nameOf(id: number): Promise<string> {
  const { rows } = await pool.query('select codename from auth_permission where id = $1', [id])
  return `tests.${rows[0].codename}`
}

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
await makeUser({ username: 'early', is_active: false })
await makeUser({ username: 'on-time', is_staff: true })
await makeUser({ username: 'late', user_permissions: [own] })
await makeUser({ username: 'member', groups: [editors] })
await makeUser({ username: 'both', groups: [editors, writers], user_permissions: [own, viaGroup] })
await makeUser({ username: 'writer', groups: [writers] })
await makeUser({ username: 'asleep', groups: [writers], user_permissions: [own], is_active: false })
await makeUser({ username: 'asleep-root', is_superuser: true, is_active: false })
await makeUser({ username: 'second-root', is_superuser: true })

const { all, get, same, finds } = await findingUsers(service, key)

t.test('words that are looked for', async (t) => {
  const texts = (user: any) => [user.username, user.first_name, user.last_name, user.email]
  const contains = (user: any, word: string) =>
    texts(user).some((text) => text.toLowerCase().includes(word.toLowerCase()))
  const searched = (search: string) => (user: any) =>
    search
      .split(/\s+/u)
      .filter(Boolean)
      .every((word) => contains(user, word))
  // prettier-ignore
  const wanted = [
    'ada', 'ADA', 'lovelace', 'ada lovelace', 'lovelace ada', '  ada   member ', 'ada\tmember', 'a',
    'Émile', 'émile', 'ÉMILE', 'emile', 'éric', 'ÉRIC', 'Çelik', 'çELIK', 'мария', 'МАРИЯ', 'σίγμα', '山田',
    '太郎 山田', '%', '100%', '_', 'x_y', '\\', 'a\\b', '\\\\', "'", "O'Brien", '"', "');", 'drop table', '--',
    '&', '=', '#', '?', '+', '%41', 'example.com', '@', 'eric@example.com', 'ada@', 'root', 'ot',
    'on-time', '.',
  ]
  for (const search of wanted) await finds(t, { search }, searched(search))
  for (const search of ['zzz', 'ada zzz', '%%', '__', 'a%e', 'a_a', '\\%', 'adalovelace', 'NULL', '*', '.*'])
    await same(t, { search }, searched(search))
  for (const search of ['', ' ', '\t\n']) await same(t, { search }, () => true)
  t.equal((await get(`/admin/users/?search=${'x'.repeat(200)}`)).status, 200)
  t.equal(
    (await get(`/admin/users/?search=${encodeURIComponent('李'.repeat(200))}`)).status,
    200,
    'characters, not bytes',
  )
})

t.test('what is no text once it is decoded is refused, and not looked for as it stands', async (t) => {
  for (const query of ['search=%FF', 'search=%', 'search=%zz', 'username=%C0%80', 'email__iexact=%ED%A0%80'])
    t.equal((await get(`/admin/users/?${query}`)).status, 400, query)
})

t.test('groups are found by name, member, permission and words', async (t) => {
  const found = async (query: string) =>
    (await get(`/admin/groups/?${query}`)).body.results?.map(({ id }: any) => id)
  await pool.query("update auth_group set name = 'Éditeurs 100%' where id = $1", [editors])
  const both = all.find(({ username }) => username === 'both').id
  t.strictSame(await found(`user=${both}`), [editors, writers])
  t.strictSame(await found(`user=${rootId}`), [])
  t.strictSame(await found(`permission=${viaGroup}`), [editors, writers])
  t.strictSame(await found(`permission=${await nameOf(own)}`), [writers])
  t.strictSame(await found(`permission=${nobodys}`), [])
  t.strictSame(await found(`user=${both}&permission=${own}`), [writers])
  t.strictSame(await found(`name=${encodeURIComponent('Éditeurs 100%')}`), [editors])
  t.strictSame(await found(`name=${encodeURIComponent('éditeurs 100%')}`), [])
  t.strictSame(await found(`name__iexact=${encodeURIComponent('éditeurs 100%')}`), [editors])
  t.strictSame(await found(`search=${encodeURIComponent('% éDIT')}`), [editors])
  t.strictSame(await found('search=group'), [writers, empty])
  t.strictSame(await found('search=group%25'), [])
  t.strictSame(await found('ordering=-id'), [empty, writers, editors])
  t.strictSame(await found('ordering=-name'), [editors, empty, writers], 'by name, from the last one on')
})

t.test('a filter by somebody who does not exist never finds everything', async (t) => {
  // Past what JavaScript can count to, and within what sixteen digits can write.
  for (const id of ['9999999999999999', '9007199254740992', '9007199254740991', '999999']) {
    const { body } = await get(`/admin/groups/?user=${id}`)
    t.strictSame(body.results ?? [], [], `groups of the user ${id}`)
  }
  for (const id of ['0', 'x', '', '-1', '01'])
    t.equal((await get(`/admin/groups/?user=${id}`)).status, 400, id)
})

t.test('a user, a group or a permission that does not exist is told alike', async (t) => {
  for (const path of [
    '/admin/users/?group=999999',
    '/admin/groups/?user=999999',
    '/admin/groups/?permission=999999',
  ]) {
    const { status, body } = await get(path)
    t.strictSame([status, body.code], [400, 'invalid'], path)
  }
})

t.test('permissions are found by app, model, codename and words', async (t) => {
  const found = async (query: string): Promise<string[]> =>
    (await get(`/admin/permissions/?${query}`)).body.results.map(({ permission }: any) => permission)
  const auth = ['permission', 'group', 'user'].flatMap((model) =>
    ['add', 'change', 'delete', 'view'].map((verb) => `auth.${verb}_${model}`),
  )
  t.strictSame((await found('app_label=auth')).toSorted(), auth.toSorted())
  t.strictSame(await found('app_label=auth&model=user'), auth.slice(8))
  t.strictSame(await found('codename=view_user'), ['auth.view_user'])
  t.strictSame(await found('codename=VIEW_USER'), [])
  t.strictSame(await found('model=user&app_label=contenttypes'), [])
  t.strictSame(await found('search=CAN+view+user'), ['auth.view_user'])
  t.strictSame(await found('search=auth.view_us'), ['auth.view_user'])
  t.strictSame(await found('search=view%25user'), [])
  t.strictSame(await found('ordering=-app_label,codename&app_label=auth&model=group'), auth.slice(4, 8))
  const view = await findPermission('view_user')
  for (const reference of [String(view), 'auth.view_user']) {
    const { status, body } = await get(`/admin/permissions/${reference}/`)
    t.strictSame([status, body.id, body.permission, body.model], [200, view, 'auth.view_user', 'user'])
  }
  for (const reference of [
    '999999',
    'auth.nothing',
    'auth',
    '0',
    'auth.',
    '.view_user',
    'a%00.b',
    '9007199254740993',
    'AUTH.view_user',
  ])
    t.equal((await get(`/admin/permissions/${reference}/`)).status, 404, reference)
})

t.test('a search has at most ten words', async (t) => {
  const words = (count: number) => Array.from({ length: count }, () => 'a').join('+')
  t.equal((await get(`/admin/users/?search=${words(10)}`)).status, 200)
  const { status, body } = await get(`/admin/users/?search=${words(11)}`)
  t.match({ status, body }, { status: 400, body: { detail: /no more than 10 words/ } })
})

t.test('links keep a question mark of the query', async (t) => {
  const { body } = await get('/admin/users/?username__iexact=a?b&is_staff=true&page_size=1&cursor=')
  t.equal(body.next, null)
  const { headers } = await get('/admin/users/?search=a?b&is_staff=true')
  t.match(headers.link, /\?is_staff=true&search=a%3Fb>; rel="first"/)
})
