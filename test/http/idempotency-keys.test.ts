/** What an Idempotency-Key is: how it is written, and what it stands for. */
import t from 'tap'
import { isReplay, type Keyed, startKeyed, unique, userPath } from '../helpers/idempotency.js'

const { makeUser, makeCaller, makeKey, root, A, send, world } = await startKeyed(t)

t.test('scope: caller, method and path, whose final slash does not matter', async (t) => {
  const other = await makeCaller()
  const [one, two] = [await makeUser(), await makeUser()]
  const key = unique('scope')
  const body = { first_name: 'Scope' }
  const same: [string, Keyed, string?][] = [
    ['the first', { method: 'PATCH', path: userPath(one), body }],
    ['another path', { method: 'PATCH', path: userPath(two), body }],
    [
      'another method',
      { method: 'PUT', path: userPath(one), body: { username: unique('scope'), password: 'x' } },
    ],
    ['another caller', { method: 'PATCH', path: userPath(one), body }, other.key],
    ['a group', { method: 'PUT', path: `${userPath(one)}groups/${A}/` }],
    ['one group less', { method: 'DELETE', path: `${userPath(one)}groups/${A}/` }],
  ]
  for (const [what, keyed, as] of same) {
    const answer = await send(keyed, key, as)
    t.strictSame([answer.status < 300, isReplay(answer)], [true, false], `${what}: ${answer.text}`)
  }
  for (const [what, keyed, as] of same) {
    const answer = await send({ ...keyed, path: keyed.path.replace(/\/$/, '') }, key, as)
    t.ok(isReplay(answer), `${what}, without the slash`)
  }
  t.ok(isReplay(await send(same[0]![1], key, await makeKey(root.id))), 'another API key of the same caller')
})

t.test('how a key is written', async (t) => {
  const id = await makeUser()
  const attempt = (idempotencyKey: unknown, name = unique('written')) =>
    send({ method: 'PATCH', path: userPath(id), body: { first_name: name } }, idempotencyKey)
  const groups = [
    ['plain', '"plain"'],
    ['"es\\"ca\\\\ped"'],
    ['es', '"es"'],
    ['"with space"'],
    ["!#$%&'*+-.^_`|~:;=?@/()<>[]{}0", '"!#$%&\'*+-.^_`|~:;=?@/()<>[]{}0"'],
    ['x'.repeat(255), `"${'x'.repeat(255)}"`],
    [`"${'\\"'.repeat(255)}"`],
    ['PLAIN'],
  ]
  for (const group of groups) {
    const name = unique('written')
    const answers = []
    for (const idempotencyKey of [...group, ...group]) answers.push(await attempt(idempotencyKey, name))
    const [first, ...others] = answers
    t.strictSame([first!.status, isReplay(first!)], [200, false], `${group[0]}: ${first!.text}`)
    t.ok(others.every(isReplay), String(group[0]))
  }
  const bad = [
    '',
    '""',
    '"open',
    'open"',
    'a"b',
    'a b',
    'a,b',
    '"a", "b"',
    ['a', 'b'],
    ['"a"', '"a"'],
    '"a\\b"',
    '"\\"',
  ]
  const after = await world()
  for (const idempotencyKey of [
    ...bad,
    'x'.repeat(256),
    `"${'x'.repeat(256)}"`,
    Buffer.from('ké').toString('latin1'),
    'a\tb',
  ]) {
    const { status, body, text } = await attempt(idempotencyKey)
    t.strictSame([status, body.code], [400, 'bad_request'], `${JSON.stringify(idempotencyKey)}: ${text}`)
  }
  t.strictSame(await world(), after)
})
