/** Users who are made (POST). */
import { pbkdf2Sync } from 'node:crypto'
import t from 'tap'
import { USER_DEFAULTS, USER_FIELDS } from '../../schemas/index.js'
import { eventsOf } from '../helpers/observe.js'
import { startService } from '../helpers/service.js'

const service = await startService(t, { PASSWORD_HASHER: 'pbkdf2_sha256', PBKDF2_ITERATIONS: '1' })
const { request, makeGroup, makePermission, makeCaller, findPermission, pool } = service
const { key, id: rootId } = await makeCaller({ username: 'root' })
const MASK = 'pbkdf2_sha256$********'
const HASH = `pbkdf2_sha256$1$salt$${pbkdf2Sync('x', 'salt', 1, 32, 'sha256').toString('base64')}`
const NOWHERE = 999_999

const create = (body: unknown, as = key) => request('POST', '/admin/users/', { key: as, body })
const read = (id: number) => request('GET', `/admin/users/${id}/`, { key })

let count = 0
const newName = () => `new-${++count}`

/** The codes by the fields at fault. */
const codes = ({ body }: { body: any }): Record<string, string[]> =>
  (body.errors ?? []).reduce((found: Record<string, string[]>, { pointer, code }: any) => {
    const [, field = ''] = pointer.split('/')
    return { ...found, [field]: [...(found[field] ?? []), code] }
  }, {})

async function rowOf(username: string) {
  const { rows } = await pool.query('select * from auth_user where username = $1', [username])
  return rows[0]
}

const countUsers = async (): Promise<number> =>
  (await pool.query('select count(*)::int as count from auth_user')).rows[0].count

function isHashOf(password: string, hash: string): boolean {
  const [algorithm, iterations, salt, digest] = hash.split('$')
  const expected = pbkdf2Sync(password, salt!, Number(iterations), 32, 'sha256').toString('base64')
  return algorithm === 'pbkdf2_sha256' && digest === expected
}

t.test('a user of a name and a password has the defaults of Django', async (t) => {
  const [username, before] = [newName(), Date.now()]
  const { status, body, headers } = await create({ username, password: ' secret ' })
  t.equal(status, 201)
  const { id, date_joined, ...rest } = body
  t.strictSame(rest, { ...USER_DEFAULTS, username, password: MASK })
  t.strictSame(Object.keys(body), USER_FIELDS)
  t.ok(
    Date.parse(date_joined) >= before - 1 && Date.parse(date_joined) <= Date.now() + 1,
    'it joined just now',
  )
  t.match(date_joined, /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d{6})?Z$/)
  t.equal(headers.location, `/admin/users/${id}/`)
  t.strictSame((await request('GET', headers.location!, { key })).body, body, 'where it says that it is')
  const row = await rowOf(username)
  t.ok(isHashOf(' secret ', row.password), 'a password is not trimmed')
  const events = await eventsOf(pool, 'user.create', id)
  t.equal(events.length, 1)
  t.strictSame(
    [events[0].actor, events[0].outcome, events[0].changes.username],
    [rootId, 'applied', [null, username]],
  )
  t.notMatch(JSON.stringify(events), /secret/, 'no secret is recorded')
  t.notMatch(JSON.stringify(events), row.password)
})

t.test('a user of every field', async (t) => {
  const [groups, user_permissions] = [[await makeGroup(), await makeGroup()], [await makePermission()]]
  const whole = {
    password: 'secret',
    last_login: '2024-02-29T08:30:00.000001Z',
    is_superuser: true,
    username: newName(),
    first_name: 'Ada',
    last_name: 'Lovelace',
    email: 'Ada@example.com',
    is_staff: true,
    is_active: false,
    date_joined: '1999-12-31T23:59:59.999999Z',
    groups: groups.toReversed(),
    user_permissions,
  }
  const { status, body } = await create(whole)
  t.equal(status, 201)
  const { id, ...rest } = body
  t.strictSame(rest, { ...whole, password: MASK, groups })
  t.strictSame((await read(id)).body, body)
  const other = await create({
    username: `  ｎ${newName()} `,
    password: 'x',
    email: ' Ada@EXAMPLE.com ',
    first_name: ' A ',
    last_login: null,
    date_joined: '2024-01-15T10:00:00+01:00',
  })
  t.match(other.body, { email: 'Ada@example.com', first_name: 'A', date_joined: '2024-01-15T09:00:00Z' })
  t.match(other.body.username, /^nnew-\d+$/, 'normalised as in an update')
  const bare = await request('POST', '/admin/users', { key, body: { username: newName(), password: 'x' } })
  t.equal(bare.status, 201, 'without the final slash')
})

t.test('a username that is taken, found by a look-up or by the database', async (t) => {
  const username = newName()
  t.equal((await create({ username, password: 'x' })).status, 201)
  const again = await create({ username, password: 'x' })
  t.equal(again.status, 400)
  t.strictSame(codes(again), { username: ['unique'] })
  t.strictSame(again.body.username, ['A user with that username already exists.'])
  t.strictSame(codes(await create({ username: ` ${username} `, password: 'x' })), { username: ['unique'] })
  for (let round = 0; round < 20; round++) {
    const name = newName()
    const answers = await Promise.all([1, 2, 3].map(() => create({ username: name, password: 'x' })))
    const statuses = answers.map(({ status }) => status).toSorted()
    t.strictSame(statuses, [201, 400, 400], 'of three at once one wins')
    for (const answer of answers.filter(({ status }) => status === 400))
      t.strictSame(codes(answer), { username: ['unique'] })
  }
})

t.test('faults of the body and of the database are told together, and nothing is made', async (t) => {
  const before = await countUsers()
  const answer = await create({
    username: 'root',
    email: 'nowhere',
    first_name: 'x'.repeat(31),
    is_staff: 'yes',
    groups: [NOWHERE],
    user_permissions: [1, NOWHERE, NOWHERE + 1],
    colour: 'blue',
  })
  t.equal(answer.status, 400)
  t.strictSame(codes(answer), {
    password: ['required'],
    colour: ['unknown'],
    email: ['invalid'],
    first_name: ['max_length'],
    is_staff: ['invalid_type'],
    username: ['unique'],
    groups: ['does_not_exist'],
    user_permissions: ['does_not_exist', 'does_not_exist'],
  })
  const pointers = answer.body.errors.map(({ pointer }: { pointer: string }) => pointer)
  t.ok(pointers.includes('/user_permissions/1') && pointers.includes('/user_permissions/2'))
  for (const body of [[], null, 'x', 5, true, [{}]]) {
    const { status, body: problem } = await create(body)
    t.strictSame([status, problem.code], [400, 'invalid'], JSON.stringify(body))
  }
  for (const body of [{}, undefined]) {
    const empty = await create(body)
    t.equal(empty.status, 400)
    t.strictSame(codes(empty), { username: ['required'], password: ['required'] })
  }
  const nulls = Object.fromEntries(USER_FIELDS.map((field) => [field, null]))
  const { id: _id, last_login: _login, ...refused } = codes(await create(nulls))
  t.strictSame(new Set(Object.values(refused).flat()), new Set(['null']))
  t.equal(Object.keys(refused).length, USER_FIELDS.length - 2)
  t.equal(await countUsers(), before)
})

t.test(
  'an id is given by the database: one in the body is refused once, and not as that of the URL',
  async (t) => {
    for (const id of [1, NOWHERE, 0, null, '7']) {
      const answer = await create({ id, username: newName(), password: 'x' })
      t.equal(answer.status, 400)
      t.strictSame(codes(answer), { id: ['unknown'] }, `${id}`)
    }
    const lenient = await request('POST', '/admin/users/', {
      key,
      body: { id: 1, colour: 'blue', username: newName(), password: 'x' },
      headers: { prefer: 'handling=lenient' },
    })
    t.strictSame([lenient.status, lenient.headers['preference-applied']], [201, 'handling=lenient'])
    t.not(lenient.body.id, 1)
  },
)

t.test('a mask or a hash is no password of a new user', async (t) => {
  const masks = ['argon2', 'pbkdf2_sha256', 'bcrypt', 'unknown', 'nothing', 'x'].map(
    (name) => `${name}$********`,
  )
  for (const password of [...masks, '!', HASH, '']) {
    const username = newName()
    const answer = await create({ username, password })
    t.equal(answer.status, 400, `${password} is refused`)
    t.strictSame(Object.keys(codes(answer)), ['password'])
    t.equal(await rowOf(username), undefined, 'and nobody is made')
  }
  const { rows } = await pool.query("select username from auth_user where password = ''")
  t.strictSame(rows, [], 'nobody is left without a password')
})

t.test('nobody gives a new user what they do not hold', async (t) => {
  const [held, other] = [await makePermission(), await makePermission()]
  const [light, heavy] = [await makeGroup([held]), await makeGroup([held, other])]
  const add = await findPermission('add_user')
  const caller = await makeCaller({ is_superuser: false, user_permissions: [add, held] })
  const make = (fields: object) => create({ username: newName(), password: 'x', ...fields }, caller.key)
  const allowed = await make({
    is_staff: true,
    email: 'a@b.de',
    groups: [light],
    user_permissions: [held, add],
  })
  t.equal(allowed.status, 201, 'what they hold')
  t.equal((await make({ is_active: false, is_superuser: false })).status, 201)
  const { rows } = await pool.query('select codename from auth_permission where id = $1', [other])
  const missing = [`tests.${rows[0].codename}`]
  const refusals: [object, string[], string[] | undefined][] = [
    [{ is_superuser: true }, ['is_superuser'], undefined],
    [{ user_permissions: [other] }, ['user_permissions'], missing],
    [{ user_permissions: [held, other] }, ['user_permissions'], missing],
    [{ groups: [heavy] }, ['groups'], missing],
    [
      { is_superuser: true, groups: [light, heavy], user_permissions: [other] },
      ['is_superuser', 'user_permissions', 'groups'],
      missing,
    ],
  ]
  for (const [fields, at, lacking] of refusals) {
    const [users, events] = [await countUsers(), (await eventsOf(pool, 'user.create')).length]
    const answer = await make(fields)
    t.strictSame([answer.status, answer.body.code], [403, 'permission_denied'], JSON.stringify(fields))
    t.strictSame(Object.keys(codes(answer)).toSorted(), at.toSorted())
    t.strictSame(answer.body.missing_permissions, lacking)
    t.equal(await countUsers(), users, 'nobody is made')
    const recorded = await eventsOf(pool, 'user.create')
    t.equal(recorded.length, events + 1, 'and it is recorded')
    const { actor, outcome, target, changes } = recorded.at(-1)
    t.strictSame([actor, outcome, target], [caller.id, 'refused', null])
    t.strictSame(changes.fields.toSorted(), at.toSorted())
  }
  const reader = await makeCaller({
    is_superuser: false,
    user_permissions: [await findPermission('change_user')],
  })
  const denied = await create({ username: newName(), password: 'x' }, reader.key)
  t.strictSame([denied.status, denied.body.missing_permissions], [403, ['auth.add_user']])
  t.equal(
    (await request('POST', '/admin/users/', { body: { username: newName(), password: 'x' } })).status,
    401,
  )
})
