/** One group or permission of one user: given, taken, and by whom. */
import t from 'tap'
import { permissionName } from '../helpers/observe.js'
import { startService } from '../helpers/service.js'
import { stored } from '../properties/stored.js'

const service = await startService(t)
const { request, makeUser, makeGroup, makePermission, makeCaller, findPermission, pool } = service
const { key, id: rootId } = await makeCaller({ username: 'root' })

const call = (method: string, user: number | string, what: string, as = key) =>
  request(method, `/admin/users/${user}/${what}/`, { key: as })
const put = (user: number | string, what: string, as = key) => call('PUT', user, what, as)
const remove = (user: number | string, what: string, as = key) => call('DELETE', user, what, as)
const get = (path: string, as = key) => request('GET', path, { key: as })
const read = async (id: number) => (await get(`/admin/users/${id}/`)).body

const nameOf = (id: number) => permissionName(pool, id)

async function eventsOf(id: number) {
  const { rows } = await pool.query(
    'select actor_id::int as actor, outcome, changes from user_admin.audit_event where target_id = $1 order by id',
    [id],
  )
  return rows
}

const ascending = (ids: number[]) => ids.toSorted((a, b) => a - b)

t.test('a membership is given and taken, again and again, and the others stay', async (t) => {
  const [one, two] = [await makeGroup(), await makeGroup()]
  const [own, other] = [await makePermission(), await makePermission()]
  const user = await makeUser({ groups: [one], user_permissions: [own] })
  const kinds: [string, string, number[]][] = [
    ['groups', `groups/${two}`, [one, two]],
    ['user_permissions', `permissions/${other}`, [own, other]],
    ['user_permissions', `permissions/${await nameOf(other)}`, [own, other]],
    ['user_permissions', 'permissions/auth.view_user', ascending([own, await findPermission('view_user')])],
  ]
  for (const [field, what, both] of kinds) {
    const before = await read(user)
    const steps: [typeof put, number[]][] = [
      [put, both],
      [put, both],
      [remove, before[field]],
      [remove, before[field]],
    ]
    for (const [step, ids] of steps) {
      const { status, text, headers } = await step(user, what)
      t.strictSame([status, text, headers['content-type']], [204, '', undefined], what)
      t.strictSame(await read(user), { ...before, [field]: ids })
    }
    const events = (await eventsOf(user)).slice(-2)
    t.strictSame(
      events.map(({ actor, changes }) => [actor, changes]),
      [
        [rootId, { [field]: [before[field], both] }],
        [rootId, { [field]: [both, before[field]] }],
      ],
      'recorded as an update, once each',
    )
  }
  t.equal((await eventsOf(user)).length, 2 * kinds.length, 'what changes nothing is not recorded')
  t.equal(
    (await request('PUT', `/admin/users/${user}/groups/${two}`, { key })).status,
    204,
    'without the final slash',
  )
  t.equal(
    (await request('PUT', `/admin/users/${user}/groups/${two}/`, { key, body: {} })).status,
    204,
    'with a body',
  )
  for (const method of ['GET', 'POST', 'PATCH']) {
    const answer = await call(method, user, `groups/${two}`)
    t.strictSame([answer.status, answer.headers.allow], [405, 'PUT, DELETE, OPTIONS'], method)
  }
})

t.test('a user, a group or a permission that does not exist', async (t) => {
  const [user, group, permission] = [await makeUser(), await makeGroup(), await makePermission()]
  const before = await stored(pool, user)
  const nobody = [
    '999999',
    '0',
    '-1',
    'x',
    '01',
    '1.0',
    '%00',
    '9007199254740993',
    '9007199254740991',
    '2147483648',
  ]
  const nothing = [
    ...nobody,
    'auth.nothing',
    'nothing.view_user',
    'auth.',
    '.view_user',
    '.',
    'auth',
    'a%00.b',
    'AUTH.view_user',
  ]
  for (const method of ['PUT', 'DELETE']) {
    for (const id of nobody) {
      for (const [who, what] of [
        [id, `groups/${group}`],
        [user, `groups/${id}`],
        [id, `permissions/${permission}`],
        [id, 'permissions/auth.view_user'],
      ] as const) {
        const { status, body } = await call(method, who, what)
        t.strictSame([status, body?.code], [404, 'not_found'], `${method} ${who} ${what}`)
      }
    }
    for (const name of nothing)
      t.equal((await call(method, user, `permissions/${name}`)).status, 404, `${method} ${name}`)
  }
  t.strictSame(await stored(pool, user), before)
})

t.test('two who give one user different things at once both succeed', async (t) => {
  const [groups, permissions] = [
    await Promise.all([makeGroup(), makeGroup(), makeGroup()]),
    await Promise.all([makePermission(), makePermission()]),
  ] as const
  const other = await makeCaller()
  for (let round = 0; round < 50; round++) {
    const user = await makeUser({ groups: [groups[2]] })
    const answers = await Promise.all([
      put(user, `groups/${groups[0]}`),
      put(user, `permissions/${permissions[0]}`, other.key),
      put(user, `groups/${groups[1]}`, other.key),
      put(user, `permissions/${permissions[1]}`),
      remove(user, `groups/${groups[2]}`),
      request('PATCH', `/admin/users/${user}/`, { key, body: { first_name: 'Both' } }),
    ])
    t.strictSame(
      answers.map(({ status }) => status),
      [204, 204, 204, 204, 204, 200],
    )
    const found = await read(user)
    t.strictSame(
      [found.groups, found.user_permissions, found.first_name],
      [ascending([groups[0], groups[1]]), ascending(permissions), 'Both'],
    )
  }
})

t.test('two services give one user different things at once', async (t) => {
  const second = await startService(t, {}, { url: service.databaseUrl, pool })
  const [one, two] = [await makeGroup(), await makeGroup()]
  for (let round = 0; round < 50; round++) {
    const user = await makeUser()
    const answers = await Promise.all([
      put(user, `groups/${one}`),
      second.request('PUT', `/admin/users/${user}/groups/${two}/`, { key }),
    ])
    t.strictSame(
      answers.map(({ status }) => status),
      [204, 204],
    )
    t.strictSame((await read(user)).groups, [one, two])
  }
})

t.test('the rules against escalation', async (t) => {
  const [held, other] = [await makePermission(), await makePermission()]
  const [light, heavy] = [await makeGroup([held]), await makeGroup([held, other])]
  const rights = [await findPermission('change_user'), held]
  const caller = await makeCaller({ is_superuser: false, user_permissions: rights, groups: [light] })
  const [plain, mighty] = [await makeUser(), await makeUser({ groups: [heavy], user_permissions: [other] })]
  const superuser = await makeUser({ is_superuser: true, groups: [light] })
  const missing = [await nameOf(other)]
  const attempts: [typeof put, number, string, string, string[] | undefined | 'allowed'][] = [
    [put, plain, `groups/${light}`, 'groups', 'allowed'],
    [put, plain, `permissions/${held}`, 'user_permissions', 'allowed'],
    [put, plain, `groups/${heavy}`, 'groups', missing],
    [put, plain, `permissions/${other}`, 'user_permissions', missing],
    [put, plain, `permissions/${await nameOf(other)}`, 'user_permissions', missing],
    [put, mighty, `groups/${heavy}`, 'groups', 'allowed'],
    [remove, mighty, `groups/${heavy}`, 'groups', 'allowed'],
    [remove, mighty, `permissions/${other}`, 'user_permissions', 'allowed'],
    [put, superuser, `groups/${heavy}`, 'groups', missing],
    [remove, superuser, `groups/${light}`, 'groups', undefined],
    [put, caller.id, `permissions/${rights[0]}`, 'user_permissions', 'allowed'],
    [put, caller.id, `groups/${heavy}`, 'groups', missing],
    [remove, caller.id, `groups/${light}`, 'groups', undefined],
    [remove, caller.id, `permissions/${held}`, 'user_permissions', undefined],
    [remove, caller.id, `permissions/${other}`, 'user_permissions', 'allowed'],
  ]
  for (const [step, user, what, field, lacking] of attempts) {
    const [before, events] = [await stored(pool, user), (await eventsOf(user)).length]
    const { status, body } = await step(user, what, caller.key)
    if (lacking === 'allowed') {
      t.equal(status, 204, what)
      continue
    }
    t.strictSame([status, body.code, body.missing_permissions], [403, 'permission_denied', lacking], what)
    t.strictSame({ ...(await stored(pool, user)), events: 0 }, { ...before, events: 0 }, 'nothing is written')
    const recorded = await eventsOf(user)
    t.equal(recorded.length, events + 1, 'and it is recorded')
    t.match(recorded.at(-1), { actor: caller.id, outcome: 'refused', changes: { fields: [field] } })
  }
  for (const codename of ['view_user', 'change_group', 'add_user']) {
    const reader = await makeCaller({
      is_superuser: false,
      user_permissions: [await findPermission(codename)],
    })
    for (const step of [put, remove]) {
      const { status, body } = await step(plain, `groups/${light}`, reader.key)
      t.strictSame([status, body.missing_permissions], [403, ['auth.change_user']], codename)
    }
  }
  for (const method of ['PUT', 'DELETE'])
    t.equal((await request(method, `/admin/users/${plain}/groups/${light}/`)).status, 401)
})

t.test('a refusal of a request without a body names no field of one', async (t) => {
  const permission = await makePermission()
  const rights = await Promise.all(['change_user', 'delete_user', 'delete_group'].map(findPermission))
  const own = await makeGroup([permission])
  const caller = await makeCaller({ is_superuser: false, user_permissions: rights, groups: [own] })
  const superuser = await makeUser({ is_superuser: true })
  const refusals: [string, string][] = [
    ['DELETE', `/admin/users/${superuser}/`],
    ['DELETE', `/admin/groups/${own}/`],
    ['PUT', `/admin/users/${superuser}/groups/${own}/`],
    ['DELETE', `/admin/users/${caller.id}/groups/${own}/`],
  ]
  for (const [method, path] of refusals) {
    const { status, body } = await request(method, path, { key: caller.key })
    t.strictSame([status, body.errors], [403, undefined], `${method} ${path}`)
    t.match(body.detail, /You do not have permission to .*\. .+\./, 'it says why instead')
  }
})
