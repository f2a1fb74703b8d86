/** Groups: made, read, changed, replaced and deleted, and what is refused. */
import t from 'tap'
import { eventsOf, faultsOf, storedGroup } from '../helpers/observe.js'
import { startService } from '../helpers/service.js'

const service = await startService(t)
const { request, makeGroup, makePermission, makeCaller, pool } = service
const { key, id: rootId } = await makeCaller({ username: 'root' })
const NOWHERE = 999_999

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

t.test('a group is made, read, changed, replaced and deleted', async (t) => {
  const [one, two] = [await makePermission(), await makePermission()]
  const name = newName()
  const made = await create({ name, permissions: [two, one] })
  t.equal(made.status, 201)
  const { id } = made.body
  t.strictSame(made.body, { id, name, permissions: [one, two] })
  t.strictSame(Object.keys(made.body), ['id', 'name', 'permissions'])
  t.equal(made.headers.location, `/admin/groups/${id}/`)
  t.strictSame((await request('GET', made.headers.location!, { key })).body, made.body)
  t.strictSame((await request('GET', `/admin/groups/${id}`, { key })).body, made.body)
  t.strictSame((await create({ name: newName() })).body.permissions, [], 'no permissions by default')

  const changed = await update(id, { permissions: [two] })
  t.strictSame([changed.status, changed.body], [200, { id, name, permissions: [two] }])
  const renamed = newName()
  t.strictSame((await update(id, { name: renamed })).body, { id, name: renamed, permissions: [two] })
  t.strictSame((await read(id)).body, { id, name: renamed, permissions: [two] })
  const replaced = await replace(id, { name })
  t.strictSame([replaced.status, replaced.body], [200, { id, name, permissions: [] }], 'absent is empty')
  t.strictSame((await replace(id, { id, name, permissions: [one] })).body.permissions, [one])

  const gone = await remove(id)
  t.strictSame([gone.status, gone.text], [204, ''])
  t.strictSame([(await read(id)).status, (await remove(id)).status], [404, 404])
  t.strictSame(
    (await eventsOf(pool, 'group.create', id)).map(({ actor, changes }) => [actor, changes]),
    [[rootId, { name: [null, name], permissions: [null, [one, two]] }]],
  )
  t.strictSame(
    (await eventsOf(pool, 'group.update', id)).map(({ changes }) => changes),
    [
      { permissions: [[one, two], [two]] },
      { name: [name, renamed] },
      { name: [renamed, name], permissions: [[two], []] },
      { permissions: [[], [one]] },
    ],
  )
  t.strictSame(
    (await eventsOf(pool, 'group.delete', id)).map(({ changes }) => changes),
    [{ name: [name, null], permissions: [[one], null], users: [[], null] }],
  )
})

t.test('what changes nothing writes nothing', async (t) => {
  const permissions = [await makePermission(), await makePermission()]
  const id = await makeGroup(permissions)
  for (const name of ['plain', ' padded ', '', 'x'.repeat(150), ' ']) {
    await pool.query('update auth_group set name = $1 where id = $2', [name, id])
    const { body } = await read(id)
    t.equal(body.name, name)
    const before = await stored(id)
    const same = [{}, body, { name }, { permissions: permissions.toReversed() }, { id }]
    for (const patch of same) {
      const answer = await update(id, patch)
      t.strictSame([answer.status, answer.body], [200, body], `PATCH ${JSON.stringify(patch).slice(0, 50)}`)
    }
    const answer = await replace(id, body)
    t.strictSame([answer.status, answer.body], [200, body], 'PUT of what was read')
    t.strictSame(await stored(id), before)
  }
  t.strictSame(await eventsOf(pool, 'group.update', id), [])
})

t.test('the rules for a name', async (t) => {
  const id = await makeGroup()
  const stem = newName()
  const good: [string, string][] = [
    [`  ${stem}\t\n`, stem],
    [`${stem} é 李 𝒳 /?#%&'"\\`, `${stem} é 李 𝒳 /?#%&'"\\`],
    [`\u3000${stem}2\u00a0`, `${stem}2`],
    ['𝒳'.repeat(150), '𝒳'.repeat(150)],
    [`${' '.repeat(200)}${stem}3`, `${stem}3`],
    [stem.toUpperCase(), stem.toUpperCase()],
  ]
  for (const [sent, kept] of good) {
    const made = await create({ name: sent })
    t.strictSame([made.status, made.body.name], [201, kept], JSON.stringify(sent).slice(0, 40))
    t.equal((await remove(made.body.id)).status, 204)
    t.strictSame((await update(id, { name: sent })).body.name, kept)
  }
  const before = await stored(id)
  const bad: [unknown, string][] = [
    ['', 'blank'],
    ['   ', 'blank'],
    ['x'.repeat(151), 'max_length'],
    ['𝒳'.repeat(151), 'max_length'],
    ['a\u0000b', 'invalid'],
    ['\ud800', 'invalid'],
    [null, 'null'],
    [5, 'invalid_type'],
    [['x'], 'invalid_type'],
    [{}, 'invalid_type'],
    [true, 'invalid_type'],
  ]
  for (const [name, code] of bad) {
    for (const answer of [await create({ name }), await update(id, { name }), await replace(id, { name })])
      t.strictSame(
        [answer.status, faults(answer)],
        [400, { '/name': code }],
        JSON.stringify(name).slice(0, 40),
      )
  }
  t.strictSame(await stored(id), before)
})

t.test('a name that is taken, found by a look-up or by the database', async (t) => {
  const name = newName()
  const id = (await create({ name })).body.id
  const other = await makeGroup()
  for (const answer of [
    await create({ name: ` ${name} ` }),
    await update(other, { name }),
    await replace(other, { name }),
  ]) {
    t.strictSame([answer.status, faults(answer)], [400, { '/name': 'unique' }])
    t.strictSame(answer.body.name, ['A group with that name already exists.'])
  }
  t.equal((await update(id, { name })).status, 200, 'its own')
  for (let round = 0; round < 20; round++) {
    const wanted = newName()
    const answers = await Promise.all([
      create({ name: wanted }),
      create({ name: wanted }),
      update(other, { name: wanted }),
    ])
    const losers = answers.filter(({ status }) => status === 400)
    t.equal(losers.length, 2, 'of three at once one wins')
    for (const answer of losers) t.strictSame(faults(answer), { '/name': 'unique' })
  }
})

t.test('the set of permissions, and all faults at once', async (t) => {
  const [one, two] = [await makePermission(), await makePermission()]
  const id = await makeGroup([one])
  const before = await stored(id)
  const bad: [unknown, Record<string, string>][] = [
    [
      [one, NOWHERE, two, NOWHERE + 1],
      { '/permissions/1': 'does_not_exist', '/permissions/3': 'does_not_exist' },
    ],
    [[2 ** 31], { '/permissions/0': 'does_not_exist' }],
    [[Number.MAX_SAFE_INTEGER], { '/permissions/0': 'does_not_exist' }],
    [[0], { '/permissions/0': 'does_not_exist' }],
    [[one, one], { '/permissions': 'duplicate' }],
    [['1'], { '/permissions/0': 'invalid_type' }],
    [[1.5], { '/permissions/0': 'invalid_type' }],
    [[null], { '/permissions/0': 'null' }],
    [{}, { '/permissions': 'not_a_list' }],
    ['', { '/permissions': 'not_a_list' }],
    [one, { '/permissions': 'not_a_list' }],
    [Array.from({ length: 10_001 }, (_, index) => index + 1), { '/permissions': 'max_items' }],
  ]
  for (const [permissions, expected] of bad) {
    const name = newName()
    for (const answer of [
      await create({ name, permissions }),
      await update(id, { permissions }),
      await replace(id, { name, permissions }),
    ])
      t.strictSame([answer.status, faults(answer)], [400, expected], JSON.stringify(permissions).slice(0, 40))
  }
  const unknown = await update(id, { permissions: [NOWHERE] })
  t.match(unknown.body.permissions[0], String(NOWHERE), 'an unknown id is named')

  await pool.query("insert into auth_group (name) values ('taken')")
  const many = { id: id + 1, name: 'taken', permissions: [NOWHERE], colour: 'blue' }
  t.strictSame(faults(await update(id, many)), {
    '/id': 'mismatch',
    '/colour': 'unknown',
    '/name': 'unique',
    '/permissions/0': 'does_not_exist',
  })
  for (const body of [{}, undefined, { permissions: [] }])
    t.strictSame(faults(await create(body)), { '/name': 'required' }, JSON.stringify(body))
  t.strictSame(faults(await replace(id, { permissions: [one] })), { '/name': 'required' })
  for (const body of [[], null, 'x', 5]) {
    for (const answer of [await create(body), await update(id, body), await replace(id, body)])
      t.strictSame([answer.status, answer.body.code], [400, 'invalid'], JSON.stringify(body))
  }
  t.strictSame(await stored(id), before)
  const lenient = await request('PATCH', `/admin/groups/${id}/`, {
    key,
    body: { colour: 'blue' },
    headers: { prefer: 'handling=lenient' },
  })
  t.strictSame([lenient.status, lenient.headers['preference-applied']], [200, 'handling=lenient'])
})

t.test('an id in the body of a new group is refused once, and not as that of the URL', async (t) => {
  for (const id of [1, NOWHERE]) {
    const { status, body } = await create({ id, name: newName() })
    t.equal(status, 400)
    t.strictSame(
      body.errors.map(({ pointer, code }: any) => [pointer, code]),
      [['/id', 'unknown']],
    )
  }
})

t.test('groups that do not exist', async (t) => {
  for (const id of ['999999', '0', '-1', 'x', '01', '1.0', '9007199254740993', '2147483648', '%00']) {
    const path = `/admin/groups/${id}/`
    for (const [method, body] of [
      ['GET'],
      ['PATCH', {}],
      ['PATCH', { name: 'x' }],
      ['PUT', { name: 'x' }],
      ['DELETE'],
    ] as const) {
      const answer = await request(method, path, { key, body })
      t.strictSame([answer.status, answer.body.code], [404, 'not_found'], `${method} ${id}`)
    }
  }
})

t.test('a faulty body is 400 whether the group exists or not, as for users', async (t) => {
  const bodies = [
    { name: '' },
    { name: 'x', colour: 'blue' },
    { name: 'x', permissions: [1, 1] },
    { name: 5 },
  ]
  for (const body of bodies) {
    for (const method of ['PATCH', 'PUT']) {
      for (const id of [String(NOWHERE), '0', 'x']) {
        const group = await request(method, `/admin/groups/${id}/`, { key, body })
        const user = await request(method, `/admin/users/${id}/`, {
          key,
          body: { username: '', password: 'x' },
        })
        t.equal(user.status, 400, 'of a user')
        t.equal(group.status, 400, `${method} ${id} ${JSON.stringify(body)}`)
      }
    }
  }
})
