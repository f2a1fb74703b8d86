/** What no JSON Patch gets past: passwords are never read, privileges not taken, and a superuser stays. */
import { pbkdf2Sync } from 'node:crypto'
import t from 'tap'
import { from, MASK, op, pathOf, SETTINGS, startPatching, TYPE } from '../helpers/json-patch.js'
import { eventsOf, faultsOf, permissionName } from '../helpers/observe.js'
import { startService } from '../helpers/service.js'
import { stored } from '../properties/stored.js'

const fixtures = await startPatching(t)
const { makeUser, makeGroup, makeCaller, findPermission, pool } = fixtures
const { A, P, Q, send, tagOf, patchUser, refused } = fixtures

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
  const { request, makeCaller, pool } = await startService(t, SETTINGS)
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
