// Whoever was seen before is not looked up first, and yet nothing is done or told with what was known.
import t from 'tap'
import { startService } from '../helpers/service.js'

const service = await startService(t)
const { pool, request, makeUser, makeCaller, makeKey, findPermission, makePermission } = service
const change = await findPermission('change_user')

/** A caller that the service has seen. */
async function seen(fields: Parameters<typeof makeCaller>[0] = {}) {
  const caller = await makeCaller(fields)
  const target = await makeUser()
  t.equal((await request('GET', `/admin/users/${target}/`, { key: caller.key })).status, 200)
  return { ...caller, target }
}

const stored = async (id: number) =>
  (await pool.query('select first_name, email from auth_user where id = $1', [id])).rows[0]

/** Every way a request can end, each with what it would be answered to somebody who may make it. */
const requests = (target: number) => [
  { status: 200, method: 'GET', path: `/admin/users/${target}/`, options: {} },
  { status: 404, method: 'GET', path: '/admin/users/999999999/', options: {} },
  { status: 404, method: 'GET', path: '/admin/users/x/', options: {} },
  { status: 400, method: 'GET', path: `/admin/users/${target}/?unknown=1`, options: {} },
  { status: 200, method: 'PATCH', path: `/admin/users/${target}/`, options: { body: { first_name: 'New' } } },
  { status: 400, method: 'PATCH', path: `/admin/users/${target}/`, options: { body: { email: 'x' } } },
  { status: 400, method: 'PATCH', path: '/admin/users/x/', options: { body: { email: 'x' } } },
  { status: 404, method: 'PATCH', path: '/admin/users/x/', options: { body: {} } },
  { status: 404, method: 'PATCH', path: '/admin/users/999999999/', options: { body: {} } },
  {
    status: 400,
    method: 'PATCH',
    path: `/admin/users/${target}/`,
    options: { rawBody: '{', headers: { 'content-type': 'application/json' } },
  },
  {
    status: 415,
    method: 'PATCH',
    path: `/admin/users/${target}/`,
    options: { rawBody: 'x', headers: { 'content-type': 'text/plain' } },
  },
]

const LOSSES: [string, number, (id: number) => Promise<unknown>][] = [
  [
    'a revoked key',
    401,
    (id) => pool.query('update user_admin.api_key set revoked_at = now() where user_id = $1', [id]),
  ],
  [
    'an expired key',
    401,
    (id) => pool.query('update user_admin.api_key set expires_at = now() where user_id = $1', [id]),
  ],
  ['an inactive user', 401, (id) => pool.query('update auth_user set is_active = false where id = $1', [id])],
  [
    'somebody who is staff no more',
    403,
    (id) => pool.query('update auth_user set is_staff = false where id = $1', [id]),
  ],
  [
    'a permission that was taken',
    403,
    (id) => pool.query('update auth_user set is_superuser = false where id = $1', [id]),
  ],
]

for (const [loss, expected, lose] of LOSSES) {
  t.test(`${loss}: refused at once, whatever is asked`, async (t) => {
    for (const [index, { status }] of requests(0).entries()) {
      const { id, key, target } = await seen()
      const { method, path, options } = requests(target)[index]!
      const name = `${method} ${status} ${path}`
      t.equal((await request(method, path, { key, ...options })).status, status, `${name}, before`)
      await pool.query("update auth_user set first_name = 'Ada' where id = $1", [target])
      await lose(id)
      const answer = await request(method, path, { key, ...options })
      t.equal(answer.status, expected, name)
      t.same(
        Object.keys(answer.body).filter((member) => ['email', 'username', 'errors'].includes(member)),
        [],
      )
      t.equal((await stored(target)).first_name, 'Ada', 'nothing was written')
      t.equal((await request(method, path, { key, ...options })).status, expected, `${name}, again`)
    }
  })
}

t.test('who was a superuser is held to the rules for others in the very next request', async (t) => {
  const secret = await makePermission()
  const { id, key } = await seen({ user_permissions: [change] })
  const target = await makeUser({ user_permissions: [secret] })
  const group = await service.makeGroup([secret])
  await pool.query('update auth_user set is_superuser = false where id = $1', [id])
  const takeover = await request('PATCH', `/admin/users/${target}/`, {
    key,
    body: { email: 'me@example.com' },
  })
  t.match(takeover, { status: 403, body: { missing_permissions: [/^tests\./] } })
  await pool.query('update auth_user set is_superuser = true where id = $1', [id])
  t.equal((await request('PATCH', `/admin/users/${target}/`, { key, body: { first_name: 'A' } })).status, 200)
  await pool.query('update auth_user set is_superuser = false where id = $1', [id])
  const plain = await makeUser()
  const grant = await request('PATCH', `/admin/users/${plain}/`, { key, body: { groups: [group] } })
  t.match(grant, { status: 403, body: { missing_permissions: [/^tests\./] } })
})

t.test('rights that were gained hold at once', async (t) => {
  const { id, key } = await makeCaller({ is_superuser: false })
  const target = await makeUser()
  const patch = () => request('PATCH', `/admin/users/${target}/`, { key, body: { first_name: 'New' } })
  t.equal((await patch()).status, 403)
  await pool.query('insert into auth_user_user_permissions (user_id, permission_id) values ($1, $2)', [
    id,
    change,
  ])
  t.equal((await patch()).status, 200)
})

t.test('callers with different rights in one batch get each their own answer', async (t) => {
  const [boss, limited, gone] = [
    await seen(),
    await seen({ is_superuser: false, user_permissions: [change] }),
    await seen(),
  ]
  await pool.query('update auth_user set is_active = false where id = $1', [gone.id])
  const secret = await makePermission()
  const made = await Promise.all(Array.from({ length: 9 }, () => makeUser({ user_permissions: [secret] })))
  const targets = made.toSorted((a, b) => a - b)
  const keys = [boss.key, limited.key, gone.key]
  const answers = await Promise.all(
    targets.map((id, index) =>
      request('PATCH', `/admin/users/${id}/`, {
        key: keys[index % 3]!,
        body: { email: `mail${id}@example.com` },
      }),
    ),
  )
  t.same(
    answers.map(({ status }) => status),
    [200, 403, 401, 200, 403, 401, 200, 403, 401],
  )
  const { rows } = await pool.query(
    'select actor_id, outcome, target_id from user_admin.audit_event where target_id = any($1) order by target_id',
    [targets],
  )
  t.strictSame(
    rows.map((row) => [Number(row.actor_id), row.outcome]),
    targets.flatMap((_, index) =>
      index % 3 === 2 ? [] : [index % 3 === 0 ? [boss.id, 'applied'] : [limited.id, 'refused']],
    ),
    'whoever is nobody leaves no event',
  )
})

t.test('a key that was never seen takes no lock', async (t) => {
  const target = await makeUser()
  const locker = await pool.connect()
  await locker.query('begin')
  await locker.query('select from auth_user where id = $1 for update', [target])
  const key = await makeKey(await makeUser())
  const answer = await request('PATCH', `/admin/users/${target}/`, { key, body: { first_name: 'New' } })
  t.equal(answer.status, 403, 'answered while somebody holds the row')
  await locker.query('rollback')
  locker.release()
})

t.test('no password is hashed for a key that was revoked meanwhile', async (t) => {
  // Nobody can be hashing: the queue takes one at a time, and none waits.
  const strict = await startService(t, { HASH_CONCURRENCY: '1', HASH_QUEUE: '0' })
  const { id, key } = await strict.makeCaller()
  const path = `/admin/users/${await strict.makeUser()}/`
  t.equal((await strict.request('GET', path, { key })).status, 200)
  await strict.pool.query('update user_admin.api_key set revoked_at = now() where user_id = $1', [id])
  const body = { password: 'correct horse battery staple' }
  const answers = await Promise.all(
    Array.from({ length: 8 }, () => strict.request('PATCH', path, { key, body })),
  )
  t.same(
    answers.map(({ status }) => status),
    answers.map(() => 401),
    'and none of them is told that too many passwords are being hashed',
  )
})
