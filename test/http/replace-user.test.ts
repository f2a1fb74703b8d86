/** Users who are replaced (PUT). */
import { pbkdf2Sync } from 'node:crypto'
import t from 'tap'
import { USER_DEFAULTS } from '../../schemas/index.js'
import { eventsOf } from '../helpers/observe.js'
import { startService } from '../helpers/service.js'
import { stored } from '../properties/stored.js'

const service = await startService(t, { PASSWORD_HASHER: 'pbkdf2_sha256', PBKDF2_ITERATIONS: '1' })
const { request, makeUser, makeGroup, makePermission, makeCaller, findPermission, pool } = service
const { key, id: rootId } = await makeCaller({ username: 'root' })
const MASK = 'pbkdf2_sha256$********'
const HASH = `pbkdf2_sha256$1$salt$${pbkdf2Sync('x', 'salt', 1, 32, 'sha256').toString('base64')}`
const NOWHERE = 999_999

const replace = (id: number, body: unknown, as = key) =>
  request('PUT', `/admin/users/${id}/`, { key: as, body })
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

function isHashOf(password: string, hash: string): boolean {
  const [algorithm, iterations, salt, digest] = hash.split('$')
  const expected = pbkdf2Sync(password, salt!, Number(iterations), 32, 'sha256').toString('base64')
  return algorithm === 'pbkdf2_sha256' && digest === expected
}

t.test('PUT: what is absent goes to its default, and when it joined stays', async (t) => {
  const id = await makeUser({
    is_superuser: true,
    is_staff: true,
    is_active: false,
    last_login: '2024-02-29T08:30:00.000001Z',
    groups: [await makeGroup()],
    user_permissions: [await makePermission()],
  })
  const { date_joined } = (await read(id)).body
  const username = newName()
  const { status, body } = await replace(id, { username, password: 'secret' })
  t.equal(status, 200)
  t.strictSame(body, (await read(id)).body)
  t.strictSame({ ...body }, { ...body, ...USER_DEFAULTS, id, username, password: MASK, date_joined })
  t.ok(isHashOf('secret', (await rowOf(username)).password))
  const { changes } = (await eventsOf(pool, 'user.update', id)).at(-1)
  t.ok('is_active' in changes && 'groups' in changes && !('date_joined' in changes))
  const before = await stored(pool, id)
  t.strictSame((await replace(id, { username, password: body.password })).body, body, 'again')
  t.strictSame(await stored(pool, id), before, 'which writes nothing')
})

t.test('PUT: the name and the password are required, and faults are told together', async (t) => {
  const id = await makeUser()
  const before = await stored(pool, id)
  t.strictSame(codes(await replace(id, {})), { username: ['required'], password: ['required'] })
  const answer = await replace(id, { id: id + 1, username: 'root', email: 'x', groups: [NOWHERE] })
  t.equal(answer.status, 400)
  t.strictSame(codes(answer), {
    password: ['required'],
    id: ['mismatch'],
    email: ['invalid'],
    username: ['unique'],
    groups: ['does_not_exist'],
  })
  t.strictSame(codes(await replace(id, { username: newName(), password: 'argon2$********' })), {
    password: ['mask'],
  })
  t.strictSame(codes(await replace(id, { username: newName(), password: HASH })), {
    password: ['stored_hash'],
  })
  t.strictSame(await stored(pool, id), before)
  for (const body of [[], null, 'x']) t.equal((await replace(id, body)).status, 400)
  t.equal((await replace(NOWHERE, { username: newName(), password: 'x' })).status, 404)
  for (const odd of ['0', 'x', '01'])
    t.equal(
      (await request('PUT', `/admin/users/${odd}/`, { key, body: { username: newName(), password: 'x' } }))
        .status,
      404,
    )
})

t.test('PUT: the mask that was read keeps the hash, and a user that was read changes nothing', async (t) => {
  const group = await makeGroup()
  const users = [
    {},
    { password: HASH },
    { password: '!unusable' },
    { password: 'weird' },
    { last_login: '2024-02-29T08:30:00.000001Z', groups: [group] },
    // What could not be written today.
    { username: 'no spaces allowed', first_name: ' padded ', email: 'nowhere' },
    { username: 'ﬁ', first_name: 'x'.repeat(150), email: 'Ada@EXAMPLE.COM' },
    { username: '' },
  ]
  for (const fields of users) {
    const id = await makeUser(fields)
    const { body } = await read(id)
    const before = await stored(pool, id)
    const answer = await replace(id, body)
    t.strictSame([answer.status, answer.body], [200, body], JSON.stringify(fields).slice(0, 60))
    t.strictSame(await stored(pool, id), before, 'no row and no event is written')
    const changed = await replace(id, { ...body, last_name: 'Changed' })
    t.strictSame([changed.status, changed.body], [200, { ...body, last_name: 'Changed' }])
    const { rows } = await pool.query('select password, username from auth_user where id = $1', [id])
    t.equal(rows[0].password, (fields as any).password ?? rows[0].password, 'the stored hash stays')
    t.equal(rows[0].username, body.username)
  }
})

t.test('PUT: the rules against escalation are those of the update', async (t) => {
  const permission = await makePermission()
  const change = await findPermission('change_user')
  const caller = await makeCaller({ is_superuser: false, user_permissions: [change] })
  const [plain, mighty, superuser] = [
    await makeUser(),
    await makeUser({ user_permissions: [permission] }),
    await makeUser({ is_superuser: true }),
  ]
  const attempts: [number, object, number][] = [
    [plain, { first_name: 'X' }, 200],
    [plain, { user_permissions: [permission] }, 403],
    [plain, { is_superuser: true }, 403],
    [mighty, { user_permissions: [permission] }, 403],
    [superuser, { is_superuser: true }, 403],
    // Absent is empty: it would take its own permission.
    [caller.id, {}, 403],
  ]
  for (const [id, fields, expected] of attempts) {
    const before = await stored(pool, id)
    const { username } = (await read(id)).body
    const { status } = await replace(id, { username, password: 'secret', ...fields }, caller.key)
    t.equal(status, expected, JSON.stringify(fields))
    const after = await stored(pool, id)
    t.equal(after.events, (before.events as number) + 1, 'recorded either way')
    if (status === 403) t.strictSame({ ...after, events: 0 }, { ...before, events: 0 })
  }
  await pool.query('update auth_user set is_active = false where is_superuser and id <> $1', [rootId])
  const own = await replace(rootId, { username: 'root', password: '!' })
  t.strictSame([own.status, own.body.code], [409, 'last_superuser'], 'a superuser whose flag is absent')
})
