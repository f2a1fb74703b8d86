/** What a user may do, and who somebody is. */
import t, { type Test } from 'tap'
import { permissionName } from '../helpers/observe.js'
import { startService } from '../helpers/service.js'

const service = await startService(t)
const { request, makeUser, makeGroup, makePermission, makeCaller, findPermission, pool } = service
const { key } = await makeCaller({ username: 'root' })

const call = (method: string, user: number | string, what: string, as = key) =>
  request(method, `/admin/users/${user}/${what}/`, { key: as })
const put = (user: number | string, what: string, as = key) => call('PUT', user, what, as)
const get = (path: string, as = key) => request('GET', path, { key: as })
const read = async (id: number) => (await get(`/admin/users/${id}/`)).body

const nameOf = (id: number) => permissionName(pool, id)

/** What a user holds, as name → sources. */
async function held(t: Test, id: number): Promise<Record<string, unknown>> {
  const { status, body } = await get(`/admin/users/${id}/permissions/?page_size=1000`)
  t.equal(status, 200)
  t.equal(body.count, body.results.length)
  return Object.fromEntries(body.results.map(({ permission, sources }: any) => [permission, sources]))
}

t.test('what a user may do, and where it comes from', async (t) => {
  const [own, both, conferred, nobodys] = [
    await makePermission(),
    await makePermission(),
    await makePermission(),
    await makePermission(),
  ]
  const [one, two] = [await makeGroup([both, conferred]), await makeGroup([conferred])]
  const sets = { groups: [one, two], user_permissions: [own, both] }
  const user = await makeUser(sets)
  const [ownName, bothName, conferredName, nobodysName] = await Promise.all(
    [own, both, conferred, nobodys].map(nameOf),
  )
  const expected = {
    [ownName!]: { own: true, groups: [], superuser: false },
    [bothName!]: { own: true, groups: [one], superuser: false },
    [conferredName!]: { own: false, groups: [one, two], superuser: false },
  }
  t.strictSame(await held(t, user), expected)
  const { body } = await get(`/admin/users/${user}/permissions/?codename=${conferredName!.slice(6)}`)
  const { body: permission } = await get(`/admin/permissions/${conferred}/`)
  t.strictSame(
    body.results,
    [{ ...permission, sources: expected[conferredName!] }],
    'with all of a permission',
  )

  const superuser = await makeUser({ ...sets, is_superuser: true })
  const all = await held(t, superuser)
  const { rows } = await pool.query('select count(*)::int as count from auth_permission')
  t.equal(Object.keys(all).length, rows[0].count, 'a superuser holds every one')
  t.strictSame(all[ownName!], { own: true, groups: [], superuser: true })
  t.strictSame(all[conferredName!], { own: false, groups: [one, two], superuser: true })
  t.strictSame(all[nobodysName!], { own: false, groups: [], superuser: true })

  const asleep = [
    await makeUser({ ...sets, is_active: false }),
    await makeUser({ is_superuser: true, is_active: false }),
  ]
  for (const id of asleep) t.strictSame(await held(t, id), {}, 'whoever is inactive holds none')
  t.strictSame(await held(t, await makeUser()), {})

  const checks: [number, number, number][] = [
    [user, own, 200],
    [user, both, 200],
    [user, conferred, 200],
    [user, nobodys, 404],
    [superuser, nobodys, 200],
    [asleep[0]!, own, 404],
    [asleep[1]!, own, 404],
  ]
  for (const [id, permission, status] of checks) {
    for (const reference of [String(permission), await nameOf(permission)]) {
      const answer = await get(`/admin/users/${id}/permissions/${reference}/`)
      t.equal(answer.status, status, `${id} ${reference}`)
      if (status === 200)
        t.match(answer.body, {
          id: permission,
          permission: await nameOf(permission),
          sources: { superuser: id === superuser },
        })
      else t.equal(answer.body.code, 'not_found')
    }
  }
  for (const path of [
    '999999/permissions/1',
    `${user}/permissions/999999`,
    `${user}/permissions/auth.nothing`,
    `${user}/permissions/x`,
    'x/permissions/1',
    `${superuser}/permissions/0`,
    `${superuser}/permissions/999999`,
  ])
    t.equal((await get(`/admin/users/${path}/`)).status, 404, path)
  t.equal((await get('/admin/users/999999/permissions/')).status, 404)
  t.equal((await request('HEAD', `/admin/users/${user}/permissions/${own}/`, { key })).status, 200)
})

t.test('what changed is seen at once', async (t) => {
  const permission = await makePermission()
  const group = await makeGroup([permission])
  const user = await makeUser()
  const check = async () => (await get(`/admin/users/${user}/permissions/${permission}/`)).status
  t.equal(await check(), 404)
  await put(user, `groups/${group}`)
  t.equal(await check(), 200)
  await request('PATCH', `/admin/groups/${group}/`, { key, body: { permissions: [] } })
  t.equal(await check(), 404)
  await put(user, `permissions/${permission}`)
  t.equal(await check(), 200)
  await request('PATCH', `/admin/users/${user}/`, { key, body: { is_active: false } })
  t.equal(await check(), 404)
})

t.test('who am I', async (t) => {
  const [own, conferred] = [await findPermission('view_user'), await findPermission('add_group')]
  const group = await makeGroup([conferred, own])
  const caller = await makeCaller({
    username: 'me',
    is_superuser: false,
    user_permissions: [own],
    groups: [group],
  })
  const { status, body } = await get('/admin/me/', caller.key)
  t.equal(status, 200)
  t.strictSame(Object.keys(body), ['user', 'credential', 'permissions'])
  t.strictSame(body.user, await read(caller.id))
  t.match(body.credential, /^api_key:\d+$/)
  t.strictSame(body.permissions, ['auth.add_group', 'auth.view_user'], 'each once, and in order')
  const all = (await get('/admin/me/')).body.permissions
  t.strictSame(
    all,
    (await get('/admin/permissions/')).body.results.map(({ permission }: any) => permission).toSorted(),
  )
  const bare = await makeCaller({ is_superuser: false })
  t.strictSame((await get('/admin/me/', bare.key)).body.permissions, [], 'any staff may ask')
  const visitor = await makeCaller({ is_staff: false })
  t.equal((await get('/admin/me/', visitor.key)).status, 403)
  t.equal((await request('GET', '/admin/me/')).status, 401)
  t.equal((await get('/admin/me/?x=1')).status, 400)
})
