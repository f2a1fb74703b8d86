/** JSON Patch (RFC 6902) of users and groups: what each operation does, and when it does not fit. */
import t from 'tap'
import { from, LOGIN, NOWHERE, op, pathOf, startPatching } from '../helpers/json-patch.js'
import { eventsOf, faultsOf } from '../helpers/observe.js'
import { stored } from '../properties/stored.js'

const fixtures = await startPatching(t)
const { makeUser, makeGroup, pool, A, B, C, P, Q, send, read, tagOf, patchUser, refused } = fixtures

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
