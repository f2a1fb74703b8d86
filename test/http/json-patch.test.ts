/** JSON Patch (RFC 6902) of users and groups: what each operation does, and what none of them can. */
import { pbkdf2Sync } from 'node:crypto'
import t, { type Test } from 'tap'
import { eventsOf, faultsOf, permissionName } from '../helpers/observe.js'
import { type Answer, startService } from '../helpers/service.js'
import { stored } from '../properties/stored.js'

const settings = { PASSWORD_HASHER: 'pbkdf2_sha256', PBKDF2_ITERATIONS: '1' } as const
const service = await startService(t, settings)
const { request, makeUser, makeGroup, makePermission, makeCaller, findPermission, pool } = service
const { key } = await makeCaller()
const [A, B, C] = [await makeGroup(), await makeGroup(), await makeGroup()] as const
const [P, Q] = [await makePermission(), await makePermission()] as const
const TYPE = 'application/json-patch+json'
const MASK = 'pbkdf2_sha256$********'
const LOGIN = '2024-02-29T08:30:00.000001Z'
const NOWHERE = 999_999

interface Sending {
  as?: string
  tag?: string | undefined
  headers?: Record<string, string>
}

const send = (path: string, patch: unknown, { as = key, tag, headers = {} }: Sending = {}): Promise<Answer> =>
  request('PATCH', path, {
    key: as,
    rawBody: typeof patch === 'string' ? patch : JSON.stringify(patch),
    headers: { 'content-type': TYPE, ...(tag === undefined ? {} : { 'if-match': tag }), ...headers },
  })
const pathOf = (id: number) => `/admin/users/${id}/`
const read = (path: string) => request('GET', path, { key })
const tagOf = async (path: string) => (await read(path)).headers.etag
const patchUser = (id: number, patch: unknown, sending?: Sending) => send(pathOf(id), patch, sending)
const op = (op: string, path: string, value?: unknown) => ({ op, path, value })
const from = (op: string, from: string, path: string) => ({ op, from, path })

/** A patch of a new user that is refused: nothing is written, and nothing recorded. */
async function refused(
  t: Test,
  patch: unknown,
  status: number,
  { fields = {}, sending = {} as Sending } = {},
) {
  const id = await makeUser({ groups: [A, B], user_permissions: [P], ...fields })
  const before = await stored(pool, id)
  const answer = await patchUser(id, patch, { tag: await tagOf(pathOf(id)), ...sending })
  const name = JSON.stringify(patch).slice(0, 200)
  t.equal(answer.status, status, `${name}: ${answer.text.slice(0, 300)}`)
  t.strictSame(await stored(pool, id), before, `${name}: nothing is written`)
  return answer
}

t.test('operations on fields and on elements of sets', async (t) => {
  const cases: [patch: object[], after: object][] = [
    [[], {}],
    [[op('add', '/first_name', ' Grace ')], { first_name: 'Grace' }],
    [[op('replace', '/email', 'g@EXAMPLE.com')], { email: 'g@example.com' }],
    [[op('replace', '/username', 'ｇrace')], { username: 'grace' }],
    [[op('remove', '/last_login')], { last_login: null }],
    [[op('test', '/last_login', LOGIN), op('replace', '/is_staff', true)], { is_staff: true }],
    [[from('copy', '/first_name', '/last_name')], { last_name: 'Ada' }],
    [[from('move', '/last_login', '/date_joined')], { last_login: null, date_joined: LOGIN }],
    [[op('replace', '/groups', [C, A])], { groups: [A, C] }],
    [[op('replace', '/groups', [])], { groups: [] }],
    [[op('add', '/groups/-', C)], { groups: [A, B, C] }],
    [[op('add', '/groups/0', C)], { groups: [A, B, C] }],
    [[op('replace', '/groups/1', C)], { groups: [A, C] }],
    [[op('replace', '/groups/0', B)], { groups: [B] }],
    [[op('remove', '/groups/0')], { groups: [B] }],
    [[op('test', '/groups/1', B), op('test', '/groups', [A, B]), op('test', '/groups', [B, A])], {}],
    [[op('remove', '/user_permissions/0'), op('add', '/user_permissions/-', Q)], { user_permissions: [Q] }],
    [[from('move', '/groups/0', '/groups/-')], {}],
    [[from('copy', '/id', '/id'), op('test', '/user_permissions', [P])], {}],
    // Only what it comes to counts.
    [[op('replace', '/first_name', 5), op('replace', '/first_name', 'Five')], { first_name: 'Five' }],
    [[op('add', '/groups/-', NOWHERE), op('remove', '/groups/2')], {}],
    [[op('remove', '/first_name'), op('add', '/first_name', 'Ada')], {}],
  ]
  for (const [patch, after] of cases) {
    const id = await makeUser({ groups: [A, B], user_permissions: [P], last_login: LOGIN })
    const [before, kept] = [await read(pathOf(id)), await stored(pool, id)]
    const answer = await patchUser(id, patch, { tag: before.headers.etag })
    const name = JSON.stringify(patch)
    t.strictSame([answer.status, answer.body], [200, { ...before.body, ...after }], name)
    t.strictSame((await read(pathOf(id))).body, answer.body, name)
    if (Object.keys(after).length === 0)
      t.strictSame(await stored(pool, id), kept, `${name}: changes nothing`)
    else {
      const [event] = (await eventsOf(pool, 'user.update', id)).slice(-1)
      t.strictSame(Object.keys(event.changes).toSorted(), Object.keys(after).toSorted(), `${name}: recorded`)
      // It is gone before the name is taken by the next.
      await pool.query("update auth_user set username = 'done-' || id where id = $1", [id])
    }
  }
})

t.test('a group', async (t) => {
  const cases: [patch: object[], after: object | number][] = [
    [[op('replace', '/name', ' readers ')], { name: 'readers' }],
    [[op('add', '/permissions/-', Q)], { permissions: [P, Q] }],
    [[op('add', '/permissions/-', P)], {}],
    [[op('remove', '/permissions/0')], { permissions: [] }],
    [[op('replace', '/permissions', [Q])], { permissions: [Q] }],
    [[from('copy', '/permissions/0', '/permissions/-')], {}],
    [[op('test', '/name', 'nobody'), op('add', '/permissions/-', Q)], 409],
    [[op('remove', '/permissions/1')], 409],
    [[op('add', '/permissions/-', NOWHERE), op('replace', '/name', '')], 400],
    [[op('add', '/groups/-', A)], 400],
    [[op('replace', '/id', NOWHERE)], 400],
  ]
  for (const [patch, after] of cases) {
    const path = `/admin/groups/${await makeGroup([P])}/`
    const before = await read(path)
    const answer = await send(path, patch, { tag: before.headers.etag })
    const name = `${JSON.stringify(patch)}: ${answer.text}`
    const wanted = { ...before.body, ...(typeof after === 'number' ? {} : after) }
    t.equal(answer.status, typeof after === 'number' ? after : 200, name)
    t.strictSame((await read(path)).body, wanted, name)
  }
})

t.test('a set holds nothing twice', async (t) => {
  const changeNothing = [
    op('add', '/groups/-', A),
    op('add', '/groups/0', B),
    from('copy', '/groups/0', '/groups/-'),
    from('copy', '/groups/1', '/groups/0'),
    from('move', '/groups/0', '/groups/-'),
    op('replace', '/groups/0', A),
  ]
  for (const operation of changeNothing) {
    const answer = await refused(t, [operation], 200)
    t.strictSame(answer.body.groups, [A, B])
  }
  // The same number, of a group and of a permission.
  const twin = await makeUser({ groups: [A], user_permissions: [A, P] })
  const headers = { tag: await tagOf(pathOf(twin)) }
  const copied = await patchUser(twin, [from('copy', '/user_permissions/0', '/groups/-')], headers)
  t.strictSame([copied.body.groups, copied.body.user_permissions], [[A], [A, P]])
  const moved = await patchUser(twin, [from('move', '/user_permissions/0', '/groups/-')], headers)
  t.strictSame([moved.body.groups, moved.body.user_permissions], [[A], [P]])
  for (const patch of [
    [op('replace', '/groups', [A, A])],
    [op('replace', '/groups', [B]), op('replace', '/groups', [C, A, C])],
  ])
    t.strictSame(faultsOf((await refused(t, patch, 400)).body), { '/groups': 'duplicate' })
})

t.test('a place in a set by its number wants If-Match', async (t) => {
  const positional = [
    op('add', '/groups/0', C),
    op('remove', '/groups/0'),
    op('replace', '/groups/0', C),
    op('test', '/groups/0', A),
    from('copy', '/groups/0', '/groups/-'),
    from('move', '/user_permissions/0', '/groups/-'),
  ]
  for (const operation of positional) {
    const bare = await refused(t, [operation], 428, { sending: { tag: undefined } })
    t.equal(bare.body.code, 'precondition_required')
    const late = [operation, op('test', '/first_name', 'nobody'), op('add', '/groups/-', NOWHERE)]
    const stale = await refused(t, late, 412, { sending: { tag: '"stale"' } })
    t.match(stale.headers.etag, /^".+"$/, 'before the test that fails, and before what does not exist')
    await refused(t, late, 409)
  }
  const id = await makeUser({ groups: [A] })
  const tag = await tagOf(pathOf(id))
  t.equal((await patchUser(id, [op('replace', '/groups/0', B)], { tag: '*' })).status, 428, 'of one state')
  t.equal((await patchUser(id, [op('replace', '/groups/0', B)], { tag })).status, 200)
  const stale = await patchUser(id, [op('replace', '/groups/0', C)], { tag })
  t.strictSame([stale.status, faultsOf(stale.body)], [412, { '/groups': 'changed' }])
  t.equal((await patchUser(id, [op('add', '/groups/-', C)])).status, 200, 'the end needs none')
  const group = `/admin/groups/${await makeGroup([P])}/`
  t.equal((await send(group, [op('remove', '/permissions/0')])).status, 428)
  t.equal((await send(group, [op('remove', '/permissions/0')], { tag: '"stale"' })).status, 412)
})

t.test('the password is never read', async (t) => {
  const attempts: [patch: unknown, pointer: string][] = [
    [[op('test', '/password', MASK)], '/0/path'],
    ['[{"op":"test","path":"/p\\u0061ssword","value":"!"}]', '/0/path'],
    [[from('copy', '/password', '/first_name')], '/0/from'],
    [[from('copy', '/first_name', '/password')], '/0/path'],
    [[from('move', '/password', '/first_name')], '/0/from'],
    [[from('move', '/first_name', '/password')], '/0/path'],
    [[from('copy', '/password', '/password')], '/0/path'],
    [[from('copy', '/password/0', '/groups/-')], '/0/from'],
    [[op('test', '/password/length', 1)], '/0/path'],
    [[op('test', '', {})], '/0/path'],
    [[from('copy', '', '/first_name')], '/0/from'],
    [[from('move', '', '/first_name')], '/0/from'],
    [[op('test', '/passwor~0d', 'x')], '/0/path'],
    [[op('test', '/~0password', 'x')], '/0/path'],
    [[op('replace', '/password', 'new'), op('test', '/password', 'new')], '/1/path'],
  ]
  for (const [patch, pointer] of attempts) {
    const { body } = await refused(t, patch, 400)
    t.equal(Object.keys(faultsOf(body))[0], pointer, JSON.stringify(patch))
  }
})

t.test('the password is set', async (t) => {
  const storedHash = async (id: number): Promise<string> =>
    (await pool.query('select password from auth_user where id = $1', [id])).rows[0].password
  const isHashOf = (password: string, encoded: string) => {
    const [algorithm, iterations, salt, digest] = encoded.split('$')
    const expected = pbkdf2Sync(password, salt!, Number(iterations), 32, 'sha256').toString('base64')
    return algorithm === 'pbkdf2_sha256' && digest === expected
  }
  const cases: [patch: object[], password: string][] = [
    [[op('add', '/password', ' s3cret é ')], ' s3cret é '],
    [[op('replace', '/password', 'x'.repeat(128))], 'x'.repeat(128)],
    [[op('add', '/password', 'first'), op('replace', '/password', 'second')], 'second'],
    [[op('remove', '/password'), op('add', '/password', 'third')], 'third'],
  ]
  for (const [patch, password] of cases) {
    const id = await makeUser()
    const { status, body, text } = await patchUser(id, patch)
    t.strictSame([status, body.password], [200, MASK], text)
    const encoded = await storedHash(id)
    t.ok(isHashOf(password, encoded), password)
    t.notOk(text.includes(encoded.split('$')[3]!))
    const events = JSON.stringify(await eventsOf(pool, 'user.update', id))
    t.notOk(events.includes(encoded) || events.includes(password), 'nor in what is recorded')
    const before = await stored(pool, id)
    t.equal((await patchUser(id, [op('replace', '/password', MASK)])).status, 200)
    t.equal(
      (await patchUser(id, [op('replace', '/password', 'x'), op('add', '/password', MASK)])).status,
      200,
    )
    t.strictSame(await stored(pool, id), before, 'its mask leaves it as it is')
  }
  const bad = ['', 'x'.repeat(129), 'a\0b', 'a\ud800b', '!', MASK, null, 5, {}, ['x']]
  const fields = { password: 'argon2$argon2id$v=19$m=8,t=1,p=1$c2FsdHNhbHQ$aGFzaA' }
  for (const value of bad) {
    const { body } = await refused(t, [op('replace', '/password', value)], 400, { fields })
    t.strictSame(Object.keys(faultsOf(body)), ['/password'], JSON.stringify(value))
  }
  await refused(t, [op('remove', '/password')], 400)
  await refused(t, [op('add', '/password', 'x'), op('test', '/first_name', 'nobody')], 409)
})

t.test('what does not fit the state is 409, and all or nothing is done', async (t) => {
  const misfits = [
    op('test', '/first_name', 'ada'),
    op('test', '/is_staff', 'false'),
    ...[[], [A], [A, B, C], [A, B, B], [String(A), B], null, A].map((value) => op('test', '/groups', value)),
    op('test', '/groups', [{ toString: 1 }, { toString: 1 }]),
    op('test', '/last_login', ''),
    op('test', '/groups/2', A),
    op('add', '/groups/3', C),
    op('add', '/groups/3', A),
    op('remove', '/groups/2'),
    op('replace', '/groups/2', C),
    op('remove', '/groups/999999'),
    from('copy', '/groups/2', '/groups/-'),
    from('move', '/user_permissions/1', '/groups/-'),
    from('copy', '/user_permissions/0', '/groups/9'),
    from('move', '/user_permissions/0', '/groups/9'),
    from('copy', '/groups/0', '/groups/9'),
    from('move', '/groups/0', '/groups/2'),
  ]
  for (const operation of misfits) {
    const patch = [op('replace', '/first_name', 'Grace'), op('add', '/groups/-', A), operation]
    const { body } = await refused(t, patch, 409)
    t.strictSame([body.code, faultsOf(body)], ['patch_conflict', { '/2': 'conflict' }])
  }
  await refused(t, [op('remove', '/last_login'), from('copy', '/last_login', '/date_joined')], 409)
  const many = Array.from({ length: 999 }, (_, index) => op('replace', '/first_name', `n${index}`))
  const failing = await refused(t, [...many, op('test', '/first_name', 'n0')], 409)
  t.strictSame(faultsOf(failing.body), { '/999': 'conflict' })
  const id = await makeUser()
  const whole = await patchUser(id, [...many, op('test', '/first_name', 'n998')])
  t.strictSame([whole.status, whole.body.first_name], [200, 'n998'])
  t.equal((await eventsOf(pool, 'user.update', id)).length, 1, 'recorded once')
  const nobody = await patchUser(NOWHERE, [op('test', '/first_name', 'x')])
  t.equal(nobody.status, 404)
})

t.test('what is no JSON Patch of a user', async (t) => {
  const odd = ['/', '//', 'first_name', ' /first_name', '#/first_name', '/first~2name', '/~', '/first_name~']
  odd.push(
    '/__proto__/x',
    '/constructor/prototype/x',
    '/__proto__',
    '/constructor',
    '/first_name/',
    '/FIRST_NAME',
  )
  odd.push(
    '',
    '/groups/-/x',
    '/groups/01',
    '/groups/-1',
    '/groups/1e0',
    '/groups/+1',
    '/groups/ 1',
    '/groups/',
  )
  odd.push(
    '/groups/0/x',
    '/groups/length',
    '/groups/__proto__',
    '/groups/1.0',
    '/groups/９',
    `/groups/${'9'.repeat(20)}`,
  )
  odd.push(
    `/${'x'.repeat(200)}`,
    `/groups/-${'/'.repeat(200)}`,
    '/first_name\0',
    '/\ud800',
    '/toString',
    '/first_name/0',
  )
  const items: [item: unknown, pointer: string][] = odd.flatMap((path) => [
    [op('add', path, C), '/0/path'],
    [from('copy', path, '/last_name'), '/0/from'],
    [op('test', path, C), '/0/path'],
  ])
  items.push(
    [op('remove', '/groups/-'), '/0/path'],
    [op('test', '/groups/-', A), '/0/path'],
    [op('replace', '/groups/-', A), '/0/path'],
    [from('copy', '/groups/-', '/groups/-'), '/0/from'],
    [from('copy', '/groups', '/user_permissions/-'), '/0/from'],
    [from('move', '/groups/0', '/first_name'), '/0/from'],
    [{ op: 'merge', path: '/first_name', value: 'x' }, '/0/op'],
    [{ op: 'ADD', path: '/first_name', value: 'x' }, '/0/op'],
    [{ op: null, path: '/first_name', value: 'x' }, '/0/op'],
    [{ path: '/first_name', value: 'x' }, '/0/op'],
    [{ op: 'remove' }, '/0/path'],
    [{ op: 'remove', path: ['/groups', 0] }, '/0/path'],
    [{ op: 'add', path: '/first_name' }, '/0/value'],
    [{ op: 'replace', path: '/first_name' }, '/0/value'],
    [{ op: 'test', path: '/first_name' }, '/0/value'],
    [{ op: 'move', path: '/first_name' }, '/0/from'],
    [{ op: 'copy', path: '/first_name', from: null }, '/0/from'],
    [{}, '/0/op'],
    [null, '/0'],
    ['remove', '/0'],
    [[], '/0'],
  )
  for (const [item, pointer] of items) {
    const { body } = await refused(t, [item], 400)
    t.equal(body.code, 'invalid')
    t.ok(pointer in faultsOf(body), `${JSON.stringify(item).slice(0, 100)}: ${JSON.stringify(body.errors)}`)
  }
  for (const patch of [{}, { first_name: 'x' }, 'null', '"x"', '5', '', '{', '[', '[,]', '\ufeff[]'])
    await refused(t, patch, 400)
  const add = op('add', '/groups/-', A)
  const tooMany = await refused(
    t,
    Array.from({ length: 1001 }, () => add),
    400,
  )
  t.strictSame(faultsOf(tooMany.body), { '': 'max_items' })
  const several = await refused(t, [op('add', '/x', 1), add, { op: 'test', path: '/id' }, 5], 400)
  t.strictSame(Object.keys(faultsOf(several.body)), ['/0/path', '/2/value', '/3'], 'all faults at once')
  t.equal(({} as any).x, undefined, 'no prototype was touched')
})

t.test('faults of the user that it comes to, all at once', async (t) => {
  await makeUser({ username: 'taken' })
  const { body } = await refused(
    t,
    [
      op('replace', '/username', 'taken'),
      op('add', '/groups/-', NOWHERE),
      op('add', '/user_permissions/-', 'x'),
      op('replace', '/email', 'nowhere'),
      op('remove', '/last_name'),
      op('replace', '/is_staff', 'yes'),
      from('copy', '/id', '/first_name'),
      op('replace', '/id', NOWHERE),
      op('replace', '/password', MASK),
      op('add', '/date_joined', 'today'),
    ],
    400,
  )
  t.strictSame(faultsOf(body), {
    '/id': 'mismatch',
    '/password': 'mask',
    '/username': 'unique',
    '/first_name': 'invalid_type',
    '/last_name': 'null',
    '/email': 'invalid',
    '/is_staff': 'invalid_type',
    '/date_joined': 'invalid',
    '/groups/2': 'does_not_exist',
    '/user_permissions/1': 'invalid_type',
  })
  // In the place of a set there may be anything before it is looked at.
  for (const value of ['abc', 5, true, null, {}, { '-': 1, 0: 2 }]) {
    for (const operation of [
      op('add', '/groups/-', A),
      op('add', '/groups/0', A),
      op('replace', '/groups/0', A),
      op('remove', '/groups/0'),
      from('copy', '/user_permissions/0', '/groups/-'),
      from('move', '/groups/0', '/user_permissions/-'),
    ]) {
      const id = await makeUser({ groups: [A, B], user_permissions: [P] })
      const before = await stored(pool, id)
      const patch = [op('replace', '/groups', value), operation]
      const { status, text } = await patchUser(id, patch, { tag: await tagOf(pathOf(id)) })
      t.ok(status === 400 || status === 409, `${JSON.stringify(patch)}: ${text}`)
      t.strictSame(await stored(pool, id), before)
    }
  }
})

t.test('a small patch is a small piece of work', async (t) => {
  const ids = (count: number, step = 1) => Array.from({ length: count }, (_, index) => step * index)
  const repeat = <T>(count: number, item: T) => Array.from({ length: count }, () => item)
  const deep = JSON.parse('['.repeat(29) + ']'.repeat(29))
  const cases: [what: string, patch: object[]][] = [
    ['a long list is compared', [op('test', '/groups', ids(20_000))]],
    ['two lists are compared', [op('replace', '/groups', ids(400)), op('test', '/groups', ids(400, -1))]],
    [
      'objects are compared',
      [op('replace', '/groups', { a: ids(400) }), op('test', '/groups', { a: ids(400, -1) })],
    ],
    [
      'a list is copied',
      [
        op('replace', '/groups', repeat(100_000, 0)),
        ...repeat(999, from('copy', '/groups', '/user_permissions')),
      ],
    ],
    [
      'a set is doubled',
      [op('replace', '/groups', ids(1_000)), ...repeat(500, from('copy', '/groups', '/groups/-'))],
    ],
    [
      'a list within a set is copied into the other',
      [
        op('replace', '/groups', [repeat(200_000, 0)]),
        ...repeat(600, from('copy', '/groups/0', '/user_permissions/-')),
      ],
    ],
    [
      'what is deep is copied',
      [op('replace', '/groups', deep), ...repeat(900, from('copy', '/groups', '/user_permissions'))],
    ],
    ['much is added', [op('replace', '/groups', ids(50_000)), ...repeat(900, op('add', '/groups/-', -1))]],
  ]
  for (const [what, patch] of cases) {
    const id = await makeUser({ groups: [A, B], user_permissions: [P] })
    const { status, milliseconds } = await patchUser(id, patch, { tag: await tagOf(pathOf(id)) })
    t.ok([400, 409].includes(status), `${what}: ${status}`)
    t.ok(milliseconds < 1_000, `${what}: in ${Math.round(milliseconds)} ms`)
  }
})

t.test('the rules against escalation', async (t) => {
  const [light, heavy] = [await makeGroup([P]), await makeGroup([P, Q])]
  const rights = [await findPermission('change_user'), await findPermission('change_group'), P]
  const caller = await makeCaller({ is_superuser: false, user_permissions: rights, groups: [light] })
  const superuser = await makeUser({ is_superuser: true, groups: [light] })
  const plain = await makeUser({ groups: [A], user_permissions: [] })
  const mighty = await makeUser({ user_permissions: [Q] })
  const missing = [await permissionName(pool, Q)]
  const cases: [id: number, patch: object[], fields: string[], missing?: string[]][] = [
    [plain, [op('add', '/groups/-', heavy)], ['/groups'], missing],
    [plain, [op('add', '/groups/0', heavy)], ['/groups'], missing],
    [
      plain,
      [op('add', '/user_permissions/-', Q), op('add', '/user_permissions/-', P)],
      ['/user_permissions'],
      missing,
    ],
    [plain, [op('replace', '/is_superuser', true)], ['/is_superuser']],
    [plain, [from('copy', '/is_active', '/is_superuser')], ['/is_superuser']],
    [superuser, [op('replace', '/first_name', 'x')], ['/first_name']],
    [superuser, [op('remove', '/groups/0')], ['/groups']],
    [caller.id, [op('remove', '/groups/0')], ['/groups']],
    [caller.id, [op('replace', '/is_active', false)], ['/is_active']],
    [mighty, [op('replace', '/password', 'taken over')], ['/password'], missing],
    [mighty, [op('replace', '/email', 'mine@example.com')], ['/email'], missing],
  ]
  const stateOf = async (id: number) => ({ ...(await stored(pool, id)), events: 0 })
  for (const [id, patch, fields, lacking] of cases) {
    const before = await stateOf(id)
    const answer = await patchUser(id, patch, { as: caller.key, tag: await tagOf(pathOf(id)) })
    const name = `${JSON.stringify(patch)}: ${answer.text}`
    t.strictSame([answer.status, answer.body.code], [403, 'permission_denied'], name)
    t.strictSame(
      [Object.keys(faultsOf(answer.body)), answer.body.missing_permissions],
      [fields, lacking],
      name,
    )
    t.strictSame(await stateOf(id), before, name)
    t.equal((await eventsOf(pool, 'user.update', id)).at(-1)?.outcome, 'refused', `${name}: recorded`)
  }
  const allowed: [id: number, patch: object[]][] = [
    [plain, [op('add', '/groups/-', light)]],
    [mighty, [op('remove', '/user_permissions/0'), op('add', '/user_permissions/-', Q)]],
    [superuser, [op('test', '/is_superuser', true), op('add', '/groups/-', light)]],
    [caller.id, [op('replace', '/is_active', false), op('replace', '/is_active', true)]],
  ]
  for (const [id, patch] of allowed)
    t.equal(
      (await patchUser(id, patch, { as: caller.key, tag: await tagOf(pathOf(id)) })).status,
      200,
      JSON.stringify(patch),
    )
  for (const [group, permission] of [
    [light, Q],
    [A, Q],
  ] as const) {
    const answer = await send(`/admin/groups/${group}/`, [op('add', '/permissions/-', permission)], {
      as: caller.key,
    })
    t.strictSame([answer.status, answer.body.missing_permissions], [403, missing], answer.text)
  }
})

t.test('the last superuser, and two who deactivate each other', async (t) => {
  const { request, makeCaller, pool } = await startService(t, settings)
  const duel = [await makeCaller(), await makeCaller()]
  const strike = (self: number, other: number, flag: string) =>
    request('PATCH', pathOf(duel[other]!.id), {
      key: duel[self]!.key,
      rawBody: JSON.stringify([op('replace', flag, false)]),
      headers: { 'content-type': TYPE },
    })
  const outcomes: string[] = []
  // Until both were decided together: one after the other, the second is not admitted any more.
  for (let round = 0; round < 30 || (round < 400 && !outcomes.includes('200,409')); round++) {
    const flags =
      round % 2 === 0 ? (['/is_active', '/is_superuser'] as const) : (['/is_active', '/is_active'] as const)
    const answers = await Promise.all([strike(0, 1, flags[0]), strike(1, 0, flags[1])])
    outcomes.push(
      answers
        .map(({ status }) => status)
        .toSorted()
        .join(),
    )
    const { rows } = await pool.query('select id from auth_user where is_superuser and is_active')
    t.equal(rows.length, 1)
    await pool.query('update auth_user set is_superuser = true, is_active = true')
    // What ended with the deactivation begins again.
    await pool.query('update user_admin.api_key set revoked_at = null')
  }
  t.strictSame(
    outcomes.filter((each) => !['200,409', '200,401', '200,403'].includes(each)),
    [],
  )
  t.ok(outcomes.includes('200,409'), [...new Set(outcomes)].join(' '))
  await pool.query('update auth_user set is_superuser = false where id = $1', [duel[1]!.id])
  for (const flag of ['/is_active', '/is_superuser']) {
    const answer = await strike(0, 0, flag)
    t.strictSame([answer.status, answer.body.code], [409, 'last_superuser'], flag)
  }
})

t.test('handling=lenient drops operations on what is unknown', async (t) => {
  const id = await makeUser()
  const headers = { prefer: 'handling=lenient' }
  const patch = [
    op('add', '/nickname', 'x'),
    op('replace', '/first_name', 'Grace'),
    from('copy', '/colour', '/last_name'),
    op('test', '/é"/x', 1),
  ]
  const answer = await patchUser(id, patch.slice(0, 3), { headers })
  t.strictSame(
    [answer.status, answer.body.first_name, answer.body.last_name],
    [200, 'Grace', 'Lovelace'],
    answer.text,
  )
  t.equal(answer.headers['dropped-fields'], '"/nickname", "/colour"')
  t.match(answer.headers['preference-applied'], /handling=lenient/)
  const escaped = await patchUser(id, [op('test', '/é"', 1)], { headers })
  t.strictSame([escaped.status, escaped.headers['dropped-fields']], [200, '"/%C3%A9%22"'])
  const odd = [
    op('add', '', {}),
    op('add', '/groups/x', A),
    op('test', '/password', 'x'),
    { op: 'x', path: '/first_name' },
  ]
  for (const operation of odd) await refused(t, [operation], 400, { sending: { headers } })
  t.equal((await patchUser(id, patch)).status, 400, 'without it they are refused')
})

t.test('all formats become the same update', async (t) => {
  const change = { first_name: ' Grace ', last_login: null, groups: [A, C] }
  const operations = [
    op('replace', '/first_name', ' Grace '),
    op('remove', '/last_login'),
    op('remove', '/groups/1'),
    op('add', '/groups/-', C),
  ]
  const outcomes = []
  for (const [type, body] of [
    ['application/json', change],
    ['application/merge-patch+json', change],
    [TYPE, operations],
  ] as const) {
    const id = await makeUser({ groups: [A, B], last_login: LOGIN })
    const { status, body: answered } = await patchUser(id, body, {
      tag: await tagOf(pathOf(id)),
      headers: { 'content-type': type },
    })
    const { id: _id, username: _name, email: _email, ...user } = answered
    const { target: _target, ...event } = (await eventsOf(pool, 'user.update', id))[0]
    outcomes.push({ status, user, event, events: (await eventsOf(pool, 'user.update', id)).length })
  }
  t.equal(outcomes[0]!.status, 200)
  t.strictSame(outcomes[1], outcomes[0])
  t.strictSame(outcomes[2], outcomes[0])
})

t.test('media types', async (t) => {
  const id = await makeUser()
  const all = 'application/json, application/merge-patch+json, application/json-patch+json'
  const body = JSON.stringify([op('replace', '/last_name', 'typed')])
  const call = (method: string, path: string, type: string) =>
    request(method, path, { key, rawBody: body, headers: { 'content-type': type } })
  for (const type of [
    'application/json-patch+json; charset=utf-8',
    'application/json-patch+json;charset="UTF-8"',
    'Application/JSON-Patch+JSON',
    'application/json-patch+json ; x=y',
  ])
    t.equal((await call('PATCH', pathOf(id), type)).status, 200, type)
  for (const type of [
    'application/json-patch',
    'application/json-patch+xml',
    'application/json-patch+json; charset=latin1',
    'application/json-patch+jsonx',
    'text/plain',
  ]) {
    const answer = await call('PATCH', pathOf(id), type)
    t.strictSame([answer.status, answer.headers['accept-patch']], [415, all], type)
  }
  t.equal((await call('PATCH', pathOf(id), 'application/json')).status, 400, 'a list is no user')
  const group = `/admin/groups/${A}/`
  for (const type of [TYPE, 'application/merge-patch+json']) {
    for (const [method, path] of [
      ['PUT', pathOf(id)],
      ['POST', '/admin/users/'],
      ['PATCH', '/admin/users/'],
      ['PUT', group],
      ['POST', '/admin/groups/'],
    ] as const)
      t.equal((await call(method, path, type)).status, 415, `${method} ${path} ${type}`)
  }
  for (const [path, types] of [
    [pathOf(id), all],
    [group, all],
    ['/admin/users/', 'application/json'],
  ] as const)
    t.equal((await request('OPTIONS', path, { key })).headers['accept-patch'], types, path)
  t.equal((await call('PATCH', '/admin/users/', TYPE)).headers['accept-patch'], 'application/json')
})

t.test('PATCH_REQUIRED is about fields that are sent, and a patch sends none', async (t) => {
  const { request, makeUser, makeCaller } = await startService(t, { PATCH_REQUIRED: 'username,password' })
  const { key } = await makeCaller()
  const path = pathOf(await makeUser())
  t.equal((await request('PATCH', path, { key, body: { first_name: 'x' } })).status, 400)
  for (const patch of [[], [op('replace', '/first_name', 'x')]]) {
    const rawBody = JSON.stringify(patch)
    const answer = await request('PATCH', path, { key, rawBody, headers: { 'content-type': TYPE } })
    t.equal(answer.status, 200, answer.text)
  }
})
