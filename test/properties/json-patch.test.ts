/** JSON Patches of any operations against a small implementation of their own, and many of them at once. */
import { isDeepStrictEqual } from 'node:util'
import fc, { type Arbitrary } from 'fast-check'
import t from 'tap'
import { createDatabase } from '../helpers/database.js'
import { startService } from '../helpers/service.js'
import { check } from './check.js'
import { stored } from './stored.js'

const TYPE = 'application/json-patch+json'
const MASK = 'pbkdf2_sha256$********'
const settings = { PASSWORD_HASHER: 'pbkdf2_sha256', PBKDF2_ITERATIONS: '1' } as const
const database = await createDatabase(t)
const services = [
  await startService(t, settings, database),
  await startService(t, settings, database),
] as const
const { request, makeUser, makeGroup, makePermission, makeCaller, makeKey, pool } = services[0]
const { id: admin, key } = await makeCaller()
const times = <T>(count: number, make: (index: number) => T): T[] =>
  Array.from({ length: count }, (_, index) => make(index))
const groups = await Promise.all(times(4, () => makeGroup()))
const permissions = await Promise.all(times(2, () => makePermission()))
await makeUser({ username: 'taken' })
const idsOf = async (table: string) =>
  (await pool.query(`select id::int from ${table}`)).rows.map(({ id }) => id)
const existing: Record<string, number[]> = {
  groups: await idsOf('auth_group'),
  user_permissions: await idsOf('auth_permission'),
}

const FIELDS = [
  ...['id', 'password', 'last_login', 'is_superuser', 'username', 'first_name', 'last_name', 'email'],
  ...['is_staff', 'is_active', 'date_joined', 'groups', 'user_permissions'],
]
const SETS = Object.keys(existing)

interface Operation {
  op: string
  path: string
  from?: string
  value?: unknown
}

/** What a patch comes to: it is no patch of a user, it does not apply, or this. */
type Outcome = 'invalid' | 'conflict' | Record<string, any>

const tokens = (pointer: string) => pointer.split('/').slice(1) as [string, string | undefined]
const sources = ({ op, from }: Operation) => (['copy', 'move'].includes(op) ? [from!] : [])

/** What an operation may be, whatever the user is. */
function isOperation(operation: Operation): boolean {
  const { op, path } = operation
  const isReader = ['test', 'copy', 'move'].includes(op)
  const isPlace = (pointer: string, mayBeEnd: boolean) => {
    const [field, element, ...deeper] = tokens(pointer)
    if (!pointer.startsWith('/') || deeper.length > 0 || !FIELDS.includes(field)) return false
    if (isReader && field === 'password') return false
    if (element === undefined) return true
    return SETS.includes(field) && (element === '-' ? mayBeEnd : /^(0|[1-9]\d*)$/.test(element))
  }
  const [source] = sources(operation)
  const isDeep = (pointer: string) => tokens(pointer)[1] !== undefined
  return (
    isPlace(path, ['add', 'copy', 'move'].includes(op)) &&
    (source === undefined || (isPlace(source, false) && isDeep(source) === isDeep(path)))
  )
}

/** RFC 6902, and that a set holds nothing twice. */
function applied(shown: object, patch: Operation[]): Outcome {
  // The password that it sets is looked at before anything is applied.
  const isPassword = ({ op, path }: Operation) => path === '/password' && ['add', 'replace'].includes(op)
  if (!patch.every(isOperation) || patch.findLast(isPassword)?.value === '') return 'invalid'
  const doc: any = structuredClone(shown)
  const locate = (pointer: string) => {
    const [field, element] = tokens(pointer)
    const parent = element === undefined ? doc : doc[field]
    if (typeof parent !== 'object' || parent === null) throw 'conflict'
    return { parent, name: element ?? field, isSet: Array.isArray(parent) }
  }
  const get = (pointer: string) => {
    const { parent, name } = locate(pointer)
    if (!Object.hasOwn(parent, name)) throw 'conflict'
    return parent[name]
  }
  /** What copies could make grow is not taken. */
  const take = (pointer: string) => {
    const value = get(pointer)
    const isScalar = (one: unknown) => typeof one !== 'object' || one === null
    const isField = tokens(pointer)[1] === undefined && Array.isArray(value) && value.every(isScalar)
    if (!isScalar(value) && !isField) throw 'conflict'
    return value
  }
  const remove = (pointer: string) => {
    get(pointer)
    const { parent, name, isSet } = locate(pointer)
    if (isSet) parent.splice(Number(name), 1)
    else delete parent[name]
  }
  const add = (pointer: string, value: unknown) => {
    const { parent, name, isSet } = locate(pointer)
    const place = name === '-' && isSet ? parent.length : Number(name)
    if (!isSet) parent[name] = value
    else if (place > parent.length) throw 'conflict'
    else if (!parent.includes(value)) parent.splice(place, 0, value)
  }
  const steps: Record<string, (operation: Operation) => void> = {
    add: ({ path, value }) => add(path, structuredClone(value)),
    remove: ({ path }) => remove(path),
    replace({ path, value }) {
      get(path)
      const { parent, name, isSet } = locate(path)
      if (isSet && parent.includes(value) && parent[name] !== value) remove(path)
      else parent[name] = structuredClone(value)
    },
    copy: ({ from, path }) => add(path, structuredClone(take(from!))),
    move({ from, path }) {
      const value = take(from!)
      remove(from!)
      add(path, value)
    },
    test({ path, value }) {
      const inOrder = (found: unknown) =>
        SETS.includes(path.slice(1)) && Array.isArray(found) ? found.toSorted() : found
      if (!isDeepStrictEqual(inOrder(get(path)), inOrder(value))) throw 'conflict'
    },
  }
  try {
    for (const operation of patch) steps[operation.op]!(operation)
    return doc
  } catch (error) {
    if (error !== 'conflict') throw error
    return error
  }
}

const isText = (value: unknown, max: number, min = 0) =>
  typeof value === 'string' && value.length >= min && value.length <= max
const isInstant = (value: unknown) => typeof value === 'string' && /^\d{4}-.*Z$/.test(value)

/** What a field may become. No value here needs normalising. */
const rules: Record<string, (value: any) => boolean> = {
  id: () => false,
  password: (value) => isText(value, 128, 1) && !value.includes('$***') && value !== '!',
  last_login: (value) => value === null || isInstant(value),
  username: (value) => isText(value, 150, 1) && /^[\w.@+-]+$/.test(value) && value !== 'taken',
  first_name: (value) => isText(value, 30),
  last_name: (value) => isText(value, 150),
  email: (value) => value === '' || (isText(value, 254) && /^[^@ ]+@example\.com$/.test(value)),
  date_joined: isInstant,
}
for (const flag of ['is_superuser', 'is_staff', 'is_active'])
  rules[flag] = (value) => typeof value === 'boolean'
for (const set of SETS)
  rules[set] = (value) =>
    Array.isArray(value) &&
    new Set(value).size === value.length &&
    value.every((item) => existing[set]!.includes(item))

const place = fc.constantFrom('0', '1', '2', '3', '5', '-')
const element = fc.tuple(fc.constantFrom(...SETS), place).map((parts) => `/${parts.join('/')}`)
const odd = fc.constantFrom(
  '/nickname',
  '/groups/01',
  '/groups/0/0',
  '',
  'groups',
  '/first_name/0',
  '/password/0',
)
const pointer = fc.oneof(
  { weight: 12, arbitrary: fc.constantFrom(...FIELDS).map((field) => `/${field}`) },
  { weight: 16, arbitrary: element },
  { weight: 1, arbitrary: odd },
)
const member = fc.constantFrom(...groups, ...permissions, 999_999)
const values: Record<string, Arbitrary<unknown>> = {
  password: fc.constantFrom('s3cret', '!', MASK, ''),
  username: fc.oneof(fc.stringMatching(/^[a-z]{8,12}$/), fc.constantFrom('taken', 'a b')),
  email: fc.constantFrom('', 'x@example.com', 'nowhere'),
  date_joined: fc.constantFrom('2024-02-29T08:30:00.000001Z', 'today'),
  groups: fc.array(fc.constantFrom(...groups), { maxLength: 4 }),
  user_permissions: fc.array(fc.constantFrom(...permissions), { maxLength: 2 }),
}
const anything = fc.constantFrom<unknown>(null, true, false, 5, 'text', '', {}, [], { '-': 1 }, [1, 'x'])
const fitting = (field: string) => values[field] ?? fc.constantFrom<unknown>('Grace', true, false, null)

const operation: Arbitrary<Operation> = fc
  .tuple(fc.constantFrom('add', 'remove', 'replace', 'test', 'copy', 'move'), pointer, pointer)
  .chain(([op, path, from]): Arbitrary<Operation> => {
    if (op === 'remove') return fc.constant({ op, path })
    if (op === 'copy' || op === 'move') return fc.constant({ op, path, from })
    const [field, deeper] = tokens(path)
    const fits = deeper === undefined ? fitting(field) : member
    return fc
      .oneof({ weight: 8, arbitrary: fits }, { weight: 1, arbitrary: anything })
      .map((value) => ({ op, path, value }))
  })

/** Most of random operations do not apply: so some tests are of what is there, and few are of what can not be. */
const patches = fc.array(operation, { maxLength: 6, size: 'max' })

t.test('any operations', async (t) => {
  const counts: Record<string, number> = { 200: 0, 400: 0, 409: 0 }
  const property = fc.asyncProperty(patches, async (drafts) => {
    const id = await makeUser({ groups: groups.slice(0, 2), user_permissions: permissions.slice(0, 1) })
    const path = `/admin/users/${id}/`
    const read = await request('GET', path, { key })
    const [before, kept] = [read.body, await stored(pool, id)]
    const patch = drafts.map((draft) => aimed(draft, before))
    const answer = await request('PATCH', path, {
      key,
      rawBody: JSON.stringify(patch),
      headers: { 'content-type': TYPE, 'if-match': read.headers.etag },
    })
    const [status, after] = expectation(before, applied(before, patch))
    counts[status]!++
    same(answer.status, status, answer.text)
    if (after === undefined) {
      same(answer.body.code, status === 409 ? 'patch_conflict' : 'invalid')
      same(await stored(pool, id), kept)
    } else {
      same(answer.body, after)
      same((await request('GET', path, { key })).body, after)
      if (isDeepStrictEqual(before, after) && !patch.some(({ value }) => value === 's3cret'))
        same(await stored(pool, id), kept)
    }
    // Its name must be free for the next one.
    await pool.query("update auth_user set username = 'done-' || id where id = $1", [id])
  })
  await check(property, 1_000)
  const total = Object.values(counts).reduce((sum, count) => sum + count, 0)
  t.ok(
    Object.values(counts).every((count) => count > total / 50),
    `all were seen: ${JSON.stringify(counts)}`,
  )
})

/** Half of the tests are made to hold, of the user as it was. */
function aimed(draft: Operation, before: any): Operation {
  const [field, place] = tokens(draft.path)
  if (draft.op !== 'test' || typeof draft.value === 'boolean' || !Object.hasOwn(before, field)) return draft
  return { ...draft, value: place === undefined ? before[field] : (before[field]?.[place] ?? null) }
}

/** The answer: its status, and the user if it is one. */
function expectation(before: any, outcome: Outcome): [status: number, after?: object] {
  if (outcome === 'invalid') return [400]
  if (outcome === 'conflict') return [409]
  const changed = FIELDS.filter((field) => !isDeepStrictEqual(outcome[field], before[field]))
  if (!changed.every((field) => rules[field]!(outcome[field] ?? null))) return [400]
  const ascending = (ids: number[]) => ids.toSorted((a, b) => a - b)
  const after = { ...before }
  for (const field of changed) after[field] = outcome[field] ?? null
  for (const set of SETS) after[set] = ascending(after[set])
  if (changed.includes('password')) after.password = MASK
  return [200, after]
}

t.test('forty groups are appended by twenty clients, while Django writes memberships too', async (t) => {
  const keys = await Promise.all(times(20, () => makeKey(admin)))
  for (const withDjango of [false, true]) {
    for (let round = 0; round < 5; round++) {
      const appended = await Promise.all(times(40, () => makeGroup()))
      const djangos = await Promise.all(times(4, () => makeGroup()))
      const user = await makeUser({ groups: djangos.slice(0, 2) })
      const append = (client: number, group: number) =>
        services[client % 2]!.request('PATCH', `/admin/users/${user}/`, {
          key: keys[client]!,
          rawBody: JSON.stringify([{ op: 'add', path: '/groups/-', value: group }]),
          headers: { 'content-type': TYPE },
        })
      let isOver = false
      const django = async (index: number) => {
        // As `user.groups.add(…)` and `.remove(…)` do it, also of what is being appended.
        while (withDjango && !isOver) {
          const group = [...djangos, appended[index]!][Math.floor(Math.random() * 5)]
          await pool.query(
            `insert into auth_user_groups (user_id, group_id) values ($1, $2) on conflict do nothing`,
            [user, group],
          )
          await pool.query('delete from auth_user_groups where user_id = $1 and group_id = $2', [
            user,
            djangos[index % 4],
          ])
        }
      }
      const writers = Promise.all(times(3, django))
      const answers = await Promise.all(
        keys.map(async (_key, client) => [
          await append(client, appended[client]!),
          await append(client, appended[client + 20]!),
        ]),
      )
      isOver = true
      await writers
      t.strictSame(
        answers
          .flat()
          .filter(({ status }) => status !== 200)
          .map(({ status, text }) => `${status} ${text}`),
        [],
        'every answer is 200',
      )
      const { rows } = await pool.query('select group_id as id from auth_user_groups where user_id = $1', [
        user,
      ])
      const found = rows.map(({ id }) => id)
      t.equal(new Set(found).size, found.length)
      t.strictSame(
        appended.filter((group) => !found.includes(group)),
        [],
        'all are in the set',
      )
      if (!withDjango) t.equal(found.length, 42, 'beside those that were in it')
    }
  }
})

function same(found: unknown, wanted: unknown, text = ''): void {
  if (!isDeepStrictEqual(found, wanted))
    throw new Error(`found ${JSON.stringify(found)}, wanted ${JSON.stringify(wanted)} ${text}`)
}
