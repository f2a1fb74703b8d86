/** What is no JSON Patch of a user, or comes to no user, is refused as a whole; and nothing small is much work. */
import t from 'tap'
import { measureCpu } from '../helpers/cpu-time.js'
import { from, MASK, NOWHERE, op, pathOf, startPatching } from '../helpers/json-patch.js'
import { faultsOf } from '../helpers/observe.js'
import { stored } from '../properties/stored.js'

const { makeUser, pool, A, B, C, P, tagOf, patchUser, refused } = await startPatching(t)

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
    const tag = await tagOf(pathOf(id))
    const { result, cpuMs } = await measureCpu(() => patchUser(id, patch, { tag }))
    t.ok([400, 409].includes(result.status), `${what}: ${result.status}`)
    t.ok(cpuMs < 1_000, `${what}: ${Math.round(cpuMs)} ms of CPU`)
  }
})
