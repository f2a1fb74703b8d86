/** Groups: who may change them, and what happens where several do, or where they are in use. */
import t, { type Test } from 'tap'
import { eventsOf, faultsOf, storedGroup } from '../helpers/observe.js'
import { startService } from '../helpers/service.js'

const service = await startService(t)
const { request, makeUser, makeGroup, makePermission, makeCaller, findPermission, pool } = service
const { key } = await makeCaller({ username: 'root' })

const create = (body: unknown, as = key) => request('POST', '/admin/groups/', { key: as, body })
const update = (id: number, body: unknown, as = key) =>
  request('PATCH', `/admin/groups/${id}/`, { key: as, body })
const replace = (id: number, body: unknown, as = key) =>
  request('PUT', `/admin/groups/${id}/`, { key: as, body })
const remove = (id: number | string, as = key) => request('DELETE', `/admin/groups/${id}/`, { key: as })
const read = (id: number | string) => request('GET', `/admin/groups/${id}/`, { key })

let count = 0
const newName = () => `New group ${++count}`

const faults = ({ body }: { body: any }) => faultsOf(body)
const stored = (id: number) => storedGroup(pool, id)

async function codename(id: number): Promise<string> {
  return `tests.${(await pool.query('select codename from auth_permission where id = $1', [id])).rows[0].codename}`
}

/** A refusal that names these fields, writes nothing and is recorded. */
async function denied(
  t: Test,
  action: string,
  id: number | null,
  fields: string[],
  work: () => ReturnType<typeof create>,
) {
  const [before, events] = [id && (await stored(id)), (await eventsOf(pool, action, id)).length]
  const answer = await work()
  t.strictSame([answer.status, answer.body.code], [403, 'permission_denied'])
  t.ok(answer.body.detail, 'it says what is refused')
  t.strictSame(id && (await stored(id)), before, 'nothing is written')
  const recorded = await eventsOf(pool, action, id)
  t.equal(recorded.length, events + 1, 'and it is recorded')
  t.match(recorded.at(-1), { outcome: 'refused', target: id, changes: { fields } })
  return answer
}

t.test('members of a group that is deleted stay, and lose what it conferred', async (t) => {
  const permission = await makePermission()
  const [id, other] = [await makeGroup([permission]), await makeGroup()]
  const members = [await makeUser({ groups: [id, other] }), await makeUser({ groups: [id] })]
  const path = `/admin/users/${members[0]}/permissions/${permission}/`
  t.equal((await request('GET', path, { key })).status, 200)
  t.equal((await remove(id)).status, 204)
  t.strictSame(await stored(id), { group: null, permissions: null, members: null }, 'nothing is left')
  t.equal((await request('GET', path, { key })).status, 404)
  t.strictSame((await request('GET', `/admin/users/${members[0]}/`, { key })).body.groups, [other])
  t.equal((await request('GET', `/admin/users/${members[1]}/`, { key })).status, 200)
})

t.test('nobody gives a group what they do not hold, or changes what their own confers', async (t) => {
  const [held, other] = [await makePermission(), await makePermission()]
  const rights = await Promise.all(['add_group', 'change_group', 'delete_group'].map(findPermission))
  const own = await makeGroup([held])
  const caller = await makeCaller({ is_superuser: false, user_permissions: [...rights, held], groups: [own] })
  const [foreign, bare] = [await makeGroup([other]), await makeGroup()]
  const missing = [await codename(other)]
  const as = caller.key

  const made = await create({ name: newName(), permissions: [held] }, as)
  t.equal(made.status, 201, 'what they hold')
  for (const permissions of [[other], [held, other]]) {
    const answer = await denied(t, 'group.create', null, ['permissions'], () =>
      create({ name: newName(), permissions }, as),
    )
    t.strictSame([answer.body.missing_permissions, Object.keys(faults(answer))], [missing, ['/permissions']])
  }
  t.equal((await update(bare, { permissions: [held] }, as)).status, 200)
  t.equal((await update(foreign, { permissions: [other, held] }, as)).status, 200, 'what it confers may stay')
  for (const work of [
    () => update(bare, { permissions: [held, other] }, as),
    () => replace(bare, { name: newName(), permissions: [other] }, as),
  ]) {
    const answer = await denied(t, 'group.update', bare, ['permissions'], work)
    t.strictSame(answer.body.missing_permissions, missing)
  }
  t.equal((await update(foreign, { permissions: [] }, as)).status, 200, 'less may be conferred')

  for (const permissions of [[], [held, rights[0]!], [other]])
    await denied(t, 'group.update', own, ['permissions'], () => update(own, { permissions }, as))
  await denied(t, 'group.update', own, ['permissions'], () => replace(own, { name: newName() }, as))
  const renamed = await update(own, { name: newName(), permissions: [held] }, as)
  t.equal(renamed.status, 200, 'its name is nobody’s privilege')
  await denied(t, 'group.delete', own, ['permissions'], () => remove(own, as))
  t.equal((await stored(own)).members.length, 1)
  t.equal((await remove(bare, as)).status, 204)
  const hollow = await makeGroup()
  await pool.query('insert into auth_user_groups (user_id, group_id) values ($1, $2)', [caller.id, hollow])
  t.equal((await remove(hollow, as)).status, 204, 'their own that confers nothing')
})

t.test('each operation needs its permission', async (t) => {
  const id = await makeGroup()
  const operations: [string, string, string][] = [
    ['POST', '/admin/groups/', 'add_group'],
    ['PATCH', `/admin/groups/${id}/`, 'change_group'],
    ['PUT', `/admin/groups/${id}/`, 'change_group'],
    ['DELETE', `/admin/groups/${id}/`, 'delete_group'],
  ]
  for (const needed of ['view_group', 'add_group', 'change_group', 'change_user', 'delete_group']) {
    const caller = await makeCaller({ is_superuser: false, user_permissions: [await findPermission(needed)] })
    for (const [method, path, permission] of operations) {
      const body = method === 'DELETE' ? undefined : { name: newName() }
      const { status } = await request(method, path, { key: caller.key, body })
      t.equal(status === 403, permission !== needed, `${needed}: ${method} is ${status}`)
    }
  }
  for (const [method, path] of operations)
    t.equal((await request(method, path, { body: { name: 'x' } })).status, 401)
})

t.test('callers who change one group at once lose nothing', async (t) => {
  const id = await makeGroup()
  for (let round = 0; round < 30; round++) {
    const [permission, name] = [await makePermission(), newName()]
    const answers = await Promise.all([
      update(id, { name }),
      update(id, { permissions: [permission] }),
      update(id, {}),
    ])
    t.strictSame(
      answers.map(({ status }) => status),
      [200, 200, 200],
    )
    t.strictSame((await read(id)).body, { id, name, permissions: [permission] }, 'both are kept')
  }
  const sets = await Promise.all(
    Array.from({ length: 6 }, async () => [await makePermission(), await makePermission()]),
  )
  const answers = await Promise.all(sets.map((permissions) => update(id, { permissions })))
  t.strictSame(
    answers.map(({ status, body }) => [status, body.permissions]),
    sets.map((set) => [200, set]),
  )
  const { body } = await read(id)
  t.ok(
    sets.some((set) => String(set) === String(body.permissions)),
    'a set is never torn',
  )
  const events = (await eventsOf(pool, 'group.update', id))
    .map(({ changes }) => changes.permissions)
    .filter(Boolean)
  events
    .slice(1)
    .forEach(([before], index) => t.strictSame(before, events[index][1], 'each begins where the last ended'))
})

t.test('a group that is deleted while users join it', async (t) => {
  for (let round = 0; round < 20; round++) {
    const [id, user] = [await makeGroup(), await makeUser()]
    const [deleted, joined] = await Promise.all([
      remove(id),
      request('PUT', `/admin/users/${user}/groups/${id}/`, { key }),
    ])
    t.equal(deleted.status, 204)
    t.ok([204, 404].includes(joined.status), `${joined.status}`)
    t.strictSame(await stored(id), { group: null, permissions: null, members: null })
  }
})

t.test('a group that other tables refer to is not deleted, and the table is named', async (t) => {
  const rules = ['deferrable initially deferred', '', 'on delete restrict']
  for (const [index, rule] of rules.entries()) {
    const table = `shop_price_${index}`
    await pool.query(`create table ${table} (buyers integer references auth_group (id) ${rule})`)
    const id = await makeGroup([await makePermission()])
    await makeUser({ groups: [id] })
    await pool.query(`insert into ${table} values ($1)`, [id])
    const before = await stored(id)
    const { status, body } = await remove(id)
    t.strictSame([status, body.code], [409, 'in_use'], `a foreign key ${rule}`)
    t.match(body.detail, table, 'it names the table')
    t.strictSame(await stored(id), before, 'nothing is lost')
    await pool.query(`delete from ${table}`)
    t.equal((await remove(id)).status, 204, 'once nothing refers to it')
  }
})
