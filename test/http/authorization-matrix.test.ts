/** Caller kinds × operations × fields × target kinds: each cell of the tables in `docs/authorization.md`, asked of the service. */
import t from 'tap'
import { readTable } from '../helpers/markdown-table.js'
import { startService, type UserFixture } from '../helpers/service.js'

const PAGE = 'docs/authorization.md'
// Hundreds of passwords are set.
const service = await startService(t, { PASSWORD_HASHER: 'pbkdf2_sha256', PBKDF2_ITERATIONS: '1' })
const { request, makeUser, makeGroup, makePermission, makeCaller, findPermission, pool } = service

const ACTIONS = ['view', 'add', 'change', 'delete'] as const
const PERMISSIONS = ['user', 'group', 'permission'].flatMap((model) =>
  ACTIONS.map((action) => `auth.${action}_${model}`),
)
const idOf = (name: string) => findPermission(name.replace('auth.', ''))

t.test('who may use an operation', async (t) => {
  const rows = readTable(PAGE, 'Who may use an operation')
  const documented = rows.map((row) => row.Operation!)
  const { body: document } = await request('GET', '/openapi.json')
  const published = Object.entries<object>(document.paths).flatMap(([url, methods]) =>
    Object.keys(methods).map((method) => `${method.toUpperCase()} ${url}`),
  )
  const served = published.filter((one) => one.includes(' /admin/')).map((one) => one.replace('/admin', ''))
  t.same(documented.toSorted(), served.toSorted(), 'the table has every operation')

  const callers = await makeCallers(rows.map(needsOf))
  for (const row of rows) {
    const [method, url] = row.Operation!.split(' ') as [string, string]
    // There is no such user or group: who passes is told so, and nothing changes.
    const path = `/admin${url.replace(/\{\w+\}/g, '999999999')}`
    const hasBody = ['POST', 'PUT', 'PATCH'].includes(method) && !/groups\/\{|permissions\/\{/.test(url)
    const wrong: string[] = []
    for (const caller of callers) {
      const { status } = await request(method, path, { key: caller.key, body: hasBody ? {} : undefined })
      const seen = status === 401 || status === 403 ? status : 'passes'
      const wanted = answerTo(caller, needsOf(row))
      if (seen !== wanted) wrong.push(`${caller.who}: ${status} instead of ${wanted}`)
    }
    t.same(wrong, [], row.Operation!)
  }
})

/** Sets of permissions, each of which is enough. Undefined where everybody may. */
type Needs = readonly (readonly string[])[] | undefined

function needsOf({ 'It takes': cell = '' }: Record<string, string>): Needs {
  if (cell === 'nothing from anybody') return undefined
  return cell === 'nothing' ? [[]] : cell.split(' or ').map((set) => set.split(' and '))
}

interface MatrixCaller {
  who: string
  key: string | undefined
  /** Undefined for whom no credential is valid. */
  holds: readonly string[] | undefined
  isStaff: boolean
}

function answerTo({ holds, isStaff }: MatrixCaller, needs: Needs): 401 | 403 | 'passes' {
  if (needs === undefined) return 'passes'
  if (holds === undefined) return 401
  const isEnough = needs.some((set) => set.every((permission) => holds.includes(permission)))
  return isStaff && isEnough ? 'passes' : 403
}

/** Everybody who is refused for a reason of their own, and staff with each permission and each set that the table names. */
async function makeCallers(needs: readonly Needs[]): Promise<MatrixCaller[]> {
  const all = await Promise.all(PERMISSIONS.map(idOf))
  const inactive = await makeCaller({ is_superuser: false, user_permissions: all })
  await pool.query('update auth_user set is_active = false where id = $1', [inactive.id])
  const powerful = await makeCaller({ is_superuser: false, is_staff: false, user_permissions: all })
  const callers: MatrixCaller[] = [
    { who: 'nobody', key: undefined, holds: undefined, isStaff: true },
    { who: 'a wrong key', key: `uak_${'A'.repeat(43)}`, holds: undefined, isStaff: true },
    { who: 'who is inactive', key: inactive.key, holds: undefined, isStaff: true },
    { who: 'who is no staff and holds all', key: powerful.key, holds: PERMISSIONS, isStaff: false },
    {
      who: 'a superuser who is no staff',
      key: (await makeCaller({ is_staff: false })).key,
      holds: PERMISSIONS,
      isStaff: false,
    },
    { who: 'a superuser', key: (await makeCaller()).key, holds: PERMISSIONS, isStaff: true },
  ]
  const named = needs.flatMap((sets) => sets ?? []).filter(({ length }) => length !== 1)
  for (const holds of [...named, ...PERMISSIONS.map((permission) => [permission])])
    for (const way of ['user_permissions', 'groups'] as const) {
      const ids = await Promise.all(holds.map(idOf))
      const { key } = await makeCaller({
        is_superuser: false,
        [way]: way === 'groups' ? [await makeGroup(ids)] : ids,
      })
      callers.push({ who: `staff with ${holds.join() || 'nothing'} by ${way}`, key, holds, isStaff: true })
    }
  return callers
}

t.test('what may be changed of a user', async (t) => {
  const rows = readTable(PAGE, 'What may be changed of a user')
  const [change, remove] = [await idOf('auth.change_user'), await idOf('auth.delete_user')]
  const [held, lacked, other] = [await makePermission(), await makePermission(), await makePermission()]
  const [weak, strong] = [await makeGroup([held]), await makeGroup([lacked])]
  const rights = { is_superuser: false, user_permissions: [change, remove, held] }
  /** What each kind of target has at first: something to lose, too. */
  const targets: Record<string, Partial<UserFixture>> = {
    'of an equal': { user_permissions: [held] },
    'of a stronger': { user_permissions: [held, lacked] },
    'of a superuser': { is_superuser: true, is_staff: true, user_permissions: [held] },
  }
  const heldByGroup = await makePermission()
  const groupToLeave = await makeGroup([heldByGroup])
  const changes: Record<string, (user: UserFixture) => object> = {
    first_name: () => ({ first_name: 'Grace' }),
    last_name: () => ({ last_name: 'Hopper' }),
    last_login: () => ({ last_login: '2025-01-01T00:00:00Z' }),
    date_joined: () => ({ date_joined: '2025-01-01T00:00:00Z' }),
    username: (user) => ({ username: `${user.username}-renamed` }),
    email: () => ({ email: 'grace@example.com' }),
    password: () => ({ password: 'a moth in relay 70' }),
    is_active: () => ({ is_active: false }),
    is_staff: (user) => ({ is_staff: !user.is_staff }),
    is_superuser: (user) => ({ is_superuser: !user.is_superuser }),
    'groups: one that confers what is held': (user) => ({ groups: [...user.groups, weak] }),
    'groups: one that confers more': (user) => ({ groups: [...user.groups, strong] }),
    'groups: one is left': () => ({ groups: [] }),
    'user_permissions: one that is held': (user) => ({
      user_permissions: [...user.user_permissions, heldByGroup],
    }),
    'user_permissions: one that is not': (user) => ({
      user_permissions: [...user.user_permissions, other],
    }),
    'user_permissions: one is taken': (user) => ({
      user_permissions: user.user_permissions.filter((id: number) => id !== held),
    }),
  }
  const DELETED = 'the user is deleted'
  t.same(
    rows.map(({ Change }) => Change),
    [...Object.keys(changes), DELETED],
    'the table has every change',
  )

  async function meet(column: string, isSuperuser: boolean) {
    const actor = await makeCaller({ ...rights, is_superuser: isSuperuser, groups: [groupToLeave] })
    const target =
      column === 'of itself' ? actor.id : await makeUser({ groups: [groupToLeave], ...targets[column] })
    return { ...actor, target }
  }

  /** The same change by every operation that can make it. */
  const ways: Record<
    string,
    (target: number, body: object, key: string) => Promise<{ status: number; body: any }>
  > = {
    PATCH: (target, body, key) => request('PATCH', `/admin/users/${target}/`, { key, body }),
    'JSON Patch': (target, body, key) =>
      request('PATCH', `/admin/users/${target}/`, {
        key,
        rawBody: JSON.stringify(
          Object.entries(body).map(([field, value]) => ({ op: 'replace', path: `/${field}`, value })),
        ),
        headers: { 'content-type': 'application/json-patch+json' },
      }),
    PUT: async (target, body, key) => {
      const current = await request('GET', `/admin/users/${target}/`, { key })
      return request('PUT', `/admin/users/${target}/`, { key, body: { ...current.body, ...body } })
    },
    'bulk PATCH': (target, body, key) =>
      request('PATCH', '/admin/users/', { key, body: [{ id: target, ...body }] }),
  }
  let requests = 0
  for (const isSuperuser of [false, true])
    for (const row of rows)
      for (const column of ['of itself', ...Object.keys(targets)]) {
        const label = `${row.Change} ${column}${isSuperuser ? ' by a superuser' : ''}`
        const allowed = isSuperuser || row[column] === 'yes'
        if (!isSuperuser) t.match(row[column], /^(?:yes|no)$/, label)
        const methods = row.Change === DELETED ? ['DELETE'] : Object.keys(ways)
        for (const way of methods) {
          const { key, target } = await meet(column, isSuperuser)
          const before = await readStored(target)
          const answer =
            way === 'DELETE'
              ? await request('DELETE', `/admin/users/${target}/`, { key })
              : await ways[way]!(target, changes[row.Change!]!(before!), key)
          requests++
          const after = await readStored(target)
          const wanted = allowed ? 'changed' : 'refused with 403'
          t.equal(outcomeOf(answer, before, after), wanted, `${label}, ${way}: ${answer.status}`)
        }
      }
  t.comment(`${requests} changes asked for`)
})

async function readStored(id: number): Promise<UserFixture | undefined> {
  const { rows } = await pool.query(
    `select u.*, array(select group_id from auth_user_groups where user_id = u.id order by 1) as groups,
       array(select permission_id from auth_user_user_permissions where user_id = u.id order by 1) as user_permissions
     from auth_user u where id = $1`,
    [id],
  )
  return rows[0]
}

function outcomeOf({ status, body }: { status: number; body: any }, before: unknown, after: unknown): string {
  const isChanged = JSON.stringify(before) !== JSON.stringify(after)
  const refusal = status === 403 && body?.code === 'permission_denied'
  if (refusal) return isChanged ? 'refused, and changed' : 'refused with 403'
  if (status >= 300) return `refused with ${status}`
  return isChanged ? 'changed' : 'not changed'
}

t.test('what may be changed of a group', async (t) => {
  const rows = readTable(PAGE, 'What may be changed of a group')
  const change = await idOf('auth.change_group')
  const [held, more, lacked] = [await makePermission(), await makePermission(), await makePermission()]
  const changes: Record<string, object> = {
    name: { name: 'another name' },
    'permissions: one that is held': { permissions: [held, more] },
    'permissions: one that is not': { permissions: [held, lacked] },
    'permissions: one is taken': { permissions: [] },
  }
  t.same(
    rows.map(({ Change }) => Change),
    Object.keys(changes),
  )
  const confers = async (id: number) => {
    const { rows } = await pool.query(
      `select g.name, array_agg(p.permission_id order by 1) as permissions from auth_group g
       left join auth_group_permissions p on p.group_id = g.id where g.id = $1 group by g.name`,
      [id],
    )
    return rows
  }
  for (const row of rows)
    for (const column of ['of a group that it is in', 'of another'])
      for (const method of ['PATCH', 'PUT']) {
        const group = await makeGroup([held])
        const { key } = await makeCaller({
          is_superuser: false,
          user_permissions: [change, held, more],
          groups: column === 'of another' ? [] : [group],
        })
        const before = await confers(group)
        const current = method === 'PUT' ? { name: before[0].name, permissions: [held] } : {}
        const body = {
          ...current,
          ...changes[row.Change!],
          ...(row.Change === 'name' ? { name: `name ${group}` } : {}),
        }
        const answer = await request(method, `/admin/groups/${group}/`, { key, body })
        const wanted = row[column] === 'yes' ? 'changed' : 'refused with 403'
        t.equal(outcomeOf(answer, before, await confers(group)), wanted, `${row.Change} ${column}, ${method}`)
      }
})
