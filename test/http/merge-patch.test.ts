/** JSON Merge Patch (RFC 7396), held to the RFC's algorithm. */
import { readFileSync } from 'node:fs'
import { isDeepStrictEqual } from 'node:util'
import fc, { type Arbitrary } from 'fast-check'
import t from 'tap'
import { verifyPassword } from '../../src/index.js'
import { startService } from '../helpers/service.js'
import { check } from '../properties/check.js'
import { stored } from '../properties/stored.js'

type Json = unknown
type Members = Record<string, Json>

const isObject = (value: Json): value is Members =>
  typeof value === 'object' && value !== null && !Array.isArray(value)

/** RFC 7396 §2, word for word. */
function mergePatch(target: Json, patch: Json): Json {
  if (!isObject(patch)) return patch
  const merged: Members = isObject(target) ? { ...target } : {}
  for (const [name, value] of Object.entries(patch)) {
    if (value === null) delete merged[name]
    else merged[name] = mergePatch(merged[name], value)
  }
  return merged
}

const vectors: { comment: string; doc: Json; patch: Json; expected: Json }[] = JSON.parse(
  readFileSync(new URL('../data/rfc7396-vectors.json', import.meta.url), 'utf8'),
)

const service = await startService(t)
const { request, makeUser, makeGroup, makePermission, makeCaller, pool } = service
const { key } = await makeCaller()
const groups = [await makeGroup(), await makeGroup(), await makeGroup()]
const permissions = [await makePermission(), await makePermission()]
await makeUser({ username: 'taken' })

const MERGE = 'application/merge-patch+json'

const send = (path: string, body: Json, type: string) =>
  request('PATCH', path, { key, rawBody: JSON.stringify(body), headers: { 'content-type': type } })
const read = async (path: string) => (await request('GET', path, { key })).body

/** An answer without what differs from one request to the next. */
const comparable = ({ status, body }: { status: number; body: any }) => {
  const { request_id: _, ...rest } = body ?? {}
  return { status, ...rest }
}

t.test('the algorithm in this test is the one of the RFC', async (t) => {
  t.equal(vectors.length, 16)
  for (const { comment, doc, patch, expected } of vectors)
    t.strictSame(mergePatch(doc, patch), expected, comment)
})

/** Whether a merged document is a user whom the service can hold. Values that need normalising are not made here. */
function isUser(merged: Json, id: number): boolean {
  if (!isObject(merged)) return false
  const { last_login = null, ...rest } = merged
  const isText = (value: Json, max: number, min = 0) =>
    typeof value === 'string' && value.length >= min && value.length <= max
  const isSet = (value: Json, existing: number[]) =>
    Array.isArray(value) &&
    new Set(value).size === value.length &&
    value.every((item) => existing.includes(item))
  const isInstant = (value: Json) => typeof value === 'string' && /^\d{4}-.*Z$/.test(value)
  const rules: Record<string, (value: Json) => boolean> = {
    id: (value) => value === id,
    password: (value) => value === '!',
    is_superuser: (value) => typeof value === 'boolean',
    username: (value) => isText(value, 150, 1) && /^[\w.@+-]+$/.test(value as string) && value !== 'taken',
    first_name: (value) => isText(value, 30),
    last_name: (value) => isText(value, 150),
    email: (value) =>
      value === '' || (isText(value, 254) && /^[a-z0-9-]+@example\.com$/.test(value as string)),
    is_staff: (value) => typeof value === 'boolean',
    is_active: (value) => typeof value === 'boolean',
    date_joined: isInstant,
    groups: (value) => isSet(value, groups),
    user_permissions: (value) => isSet(value, permissions),
  }
  return (
    (last_login === null || isInstant(last_login)) &&
    Object.keys(rest).every((name) => Object.hasOwn(rules, name)) &&
    Object.entries(rules).every(([name, rule]) => rule(rest[name]))
  )
}

const text = fc.constantFrom('', 'Grace', 'x'.repeat(30), 'x'.repeat(31), 'x'.repeat(151), 'a b', 'taken')
const instant = fc.constantFrom('2024-02-29T08:30:00.000001Z', '0001-01-02T00:00:00Z', 'yesterday')
const flag = fc.boolean()
const ids = (existing: number[]): Arbitrary<Json> =>
  fc.array(fc.constantFrom(...existing, 999_999), { maxLength: 3 })

/** Values as they should be, by field. */
const fields: Record<string, Arbitrary<Json>> = {
  last_login: instant,
  is_superuser: flag,
  username: fc.oneof(
    fc.stringMatching(/^[a-z][a-z0-9_.@+-]{0,20}$/),
    fc.constantFrom('taken', '', 'two words'),
  ),
  first_name: text,
  last_name: text,
  email: fc.oneof(
    fc.constantFrom('', 'nowhere', 'x@example.com'),
    fc.stringMatching(/^[a-z]{1,9}@example\.com$/),
  ),
  is_staff: flag,
  is_active: flag,
  date_joined: instant,
  groups: ids(groups),
  user_permissions: ids(permissions),
  password: fc.constantFrom('!', 'pbkdf2_sha256$********'),
}

/** Values as they should not be: objects with nulls in them are what the algorithm is about. */
const odd: Arbitrary<Json> = fc.oneof(
  fc.constant(null),
  fc.constantFrom<Json>(0, 1.5, true, 'odd', [], [null], {}, { a: null }, { a: { b: null, c: [1] } }),
  fc.dictionary(fc.constantFrom('a', 'id', 'groups', 'last_login'), fc.constantFrom<Json>(null, 1, 'x'), {
    maxKeys: 2,
  }),
)

/** For a password: any other text is one, which is stored otherwise every time. */
const noText = odd.filter((value) => typeof value !== 'string')

// Mostly sound, so that patches of several fields often are.
const members = fc.record(
  Object.fromEntries(
    Object.entries(fields).map(([name, value]) => [
      name,
      fc.oneof(
        { weight: 12, arbitrary: value },
        { weight: 1, arbitrary: name === 'password' ? noText : odd },
      ),
    ]),
  ),
  { requiredKeys: [] },
)
const few = fc
  .tuple(members, fc.shuffledSubarray(Object.keys(fields), { maxLength: 4 }))
  .map(([all, names]) => Object.fromEntries(Object.entries(all).filter(([name]) => names.includes(name))))
const withMore = fc
  .tuple(few, fc.dictionary(fc.constantFrom('id', 'nickname', 'last_login'), odd, { maxKeys: 1 }))
  .map(([some, more]) => ({ ...some, ...more }))
const patches: Arbitrary<Json> = fc.oneof(
  { weight: 10, arbitrary: few },
  { weight: 2, arbitrary: withMore },
  { weight: 1, arbitrary: fc.constantFrom<Json>(null, [], 'bar', 1, {}, [{}]) },
)

const counts = { applied: 0, refused: 0 }

t.test('random merge patches do what the algorithm does, or nothing', async (t) => {
  const property = fc.asyncProperty(patches, flag, async (patch, wasSeen) => {
    const id = await makeUser({
      last_login: wasSeen ? '2023-01-01T00:00:00Z' : null,
      groups: groups.slice(0, 2),
    })
    const path = `/admin/users/${id}/`
    const [before, kept] = [await read(path), await stored(pool, id)]
    // Whatever is null is a member that there is not.
    const document = Object.fromEntries(Object.entries(before).filter(([, value]) => value !== null))
    const merged = mergePatch(document, patch)
    const answer = await send(path, patch, MERGE)
    // A member that is not there can not be removed, and is refused for its name all the same.
    const namesUnknown = isObject(patch) && Object.keys(patch).some((name) => !Object.hasOwn(before, name))
    if (namesUnknown || !isUser(merged, id)) {
      counts.refused++
      same([answer.status, answer.body.code], [400, 'invalid'])
      same(await stored(pool, id), kept)
      return
    }
    counts.applied++
    const wanted = { last_login: null, ...(merged as any) }
    for (const field of ['groups', 'user_permissions'])
      wanted[field] = wanted[field].toSorted((a: number, b: number) => a - b)
    same([answer.status, answer.body], [200, wanted])
    same(await read(path), wanted)
    if (isDeepStrictEqual(before, wanted)) same(await stored(pool, id), kept)
    // The name must be free for the next one.
    await pool.query("update auth_user set username = 'done-' || id where id = $1", [id])
  })
  await check(property, 400)
  t.ok(counts.applied > 30 && counts.refused > 30, `both were seen: ${JSON.stringify(counts)}`)
})

t.test('a merge patch and plain JSON are answered the same', async () => {
  const property = fc.asyncProperty(patches, async (patch) => {
    const id = await makeUser({ groups: groups.slice(0, 2) })
    const path = `/admin/users/${id}/`
    // As text: a JavaScript Date has no microseconds.
    const row = async () =>
      (await pool.query('select u.*, date_joined::text from auth_user u where id = $1', [id])).rows
    const restore = async () => {
      await pool.query('delete from auth_user_groups where user_id = $1', [id])
      await pool.query('delete from auth_user_user_permissions where user_id = $1', [id])
      await pool.query('delete from auth_user where id = $1', [id])
    }
    const fixture = (await row())[0]
    const merged = await send(path, patch, MERGE)
    const state = await row()
    await restore()
    await makeUser({ ...fixture, groups: groups.slice(0, 2) })
    const plain = await send(path, patch, 'application/json')
    same(comparable(merged), comparable(plain))
    same(await row(), state)
    same(merged.headers.etag, plain.headers.etag)
    await restore()
  })
  await check(property, 150)
})

t.test('a text as the password is one, as in plain JSON', async (t) => {
  for (const type of [MERGE, 'application/json']) {
    const id = await makeUser()
    const { status, body } = await send(`/admin/users/${id}/`, { password: 'odd' }, type)
    t.strictSame([status, body.password], [200, 'argon2$********'], type)
    const { rows } = await pool.query('select password from auth_user where id = $1', [id])
    t.ok(await verifyPassword('odd', rows[0].password), type)
  }
})

t.test('a group', async (t) => {
  const id = await makeGroup(permissions)
  const path = `/admin/groups/${id}/`
  const before = await read(path)
  const cases: [Json, number][] = [
    [{}, 200],
    [{ name: 'merged' }, 200],
    [{ permissions: [permissions[1]] }, 200],
    [{ permissions: [] }, 200],
    [{ name: null }, 400],
    [{ permissions: null }, 400],
    [{ permissions: { 0: permissions[0] } }, 400],
    [{ name: { first: null } }, 400],
    [{ colour: 'blue' }, 400],
    [null, 400],
    [[], 400],
  ]
  let current = before
  for (const [patch, status] of cases) {
    const answer = await send(path, patch, MERGE)
    const name = JSON.stringify(patch)
    t.equal(answer.status, status, `${name}: ${answer.text}`)
    if (status === 200) current = mergePatch(current, patch)
    t.strictSame(await read(path), current, name)
    t.strictSame(comparable(await send(path, patch, 'application/json')), comparable(answer), name)
  }
})

t.test('null removes: what can be empty becomes so, and everything else is refused', async (t) => {
  const id = await makeUser({ last_login: '2024-02-29T08:30:00.000001Z' })
  const path = `/admin/users/${id}/`
  const before = await read(path)
  for (const name of Object.keys(before).filter((name) => name !== 'last_login')) {
    const { status, body } = await send(path, { [name]: null }, MERGE)
    t.strictSame([status, body.errors?.[0].pointer], [400, `/${name}`], name)
  }
  const { status, body } = await send(path, { last_login: null }, MERGE)
  t.strictSame([status, body], [200, { ...before, last_login: null }])
})

function same(found: unknown, wanted: unknown): void {
  if (!isDeepStrictEqual(found, wanted))
    throw new Error(`found ${JSON.stringify(found)}, wanted ${JSON.stringify(wanted)}`)
}
