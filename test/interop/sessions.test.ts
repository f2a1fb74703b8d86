/** Sessions of Django: what ends them, and what does not. */
import t, { type Test } from 'tap'
import { startBoth } from './both.js'
import { logIn, type Visitor } from './visitor.js'

const PASSWORD = 'the first password'
const NEW_PASSWORD = 'the second password'

const { django, service, key } = await startBoth(t)
const { makeGroup, makePermission, pool } = service
const [group, permission] = [await makeGroup(), await makePermission()]

const send = (method: string, path: string, body?: unknown, as = key) =>
  service.request(method, `/admin/users/${path}`, { key: as, body })

let made = 0

interface Somebody {
  id: number
  path: string
  username: string
  session: Visitor
}

/** Whoever logs in with a password of ours. */
async function makeSomebody(t: Test, fields: object = {}): Promise<Somebody> {
  const username = `somebody-${++made}`
  const { body } = await send('POST', '', { username, password: PASSWORD, ...fields })
  const session = await logIn(django, username, PASSWORD)
  t.equal(await session.whoami(), body.id, `${username} is logged in`)
  return { id: body.id, path: `${body.id}/`, username, session }
}

t.test('a new password ends the session, whatever way it is set', async (t) => {
  const ways: Record<string, (user: Somebody, password: string) => ReturnType<typeof send>> = {
    PATCH: ({ path }, password) => send('PATCH', path, { password }),
    PUT: ({ path, username }, password) => send('PUT', path, { username, password }),
    bulk: ({ id }, password) => send('PATCH', '', [{ id, password }]),
  }
  const other = await makeSomebody(t)
  for (const [way, change] of Object.entries(ways)) {
    const user = await makeSomebody(t)
    const elsewhere = await logIn(django, user.username, PASSWORD)
    const { status, text } = await change(user, NEW_PASSWORD)
    t.equal(status, 200, text)
    t.equal(await user.session.whoami(), null, `${way}: it ends`)
    t.equal(await elsewhere.whoami(), null, `${way}: on every device`)
    t.notOk(await user.session.logIn(user.username, PASSWORD), `${way}: the former password is none`)
    t.ok(await user.session.logIn(user.username, NEW_PASSWORD), `${way}: the new one is`)
    t.equal(await user.session.whoami(), user.id)
  }
  const user = await makeSomebody(t)
  await send('PATCH', user.path, { password: PASSWORD })
  t.equal(await user.session.whoami(), null, 'the same password set anew has another salt: it ends too')
  t.equal(await other.session.whoami(), other.id, "somebody else's lives on")
})

t.test('whatever else changes, it lives on', async (t) => {
  const user = await makeSomebody(t)
  const changes: object[] = [
    { first_name: 'Grace' },
    { last_name: 'Hopper' },
    { email: 'grace@example.com' },
    { username: `renamed-${user.id}` },
    { groups: [group] },
    { user_permissions: [permission] },
    { is_staff: true },
    { is_superuser: true },
    { is_superuser: false, is_staff: false, groups: [], user_permissions: [] },
    { last_login: '2024-02-03T04:05:06Z' },
    { date_joined: '2024-02-03T04:05:06Z' },
    { password: 'pbkdf2_sha256$********' },
    { is_active: true },
    {},
  ]
  for (const change of changes) {
    const { status, text } = await send('PATCH', user.path, change)
    t.equal(status, 200, text)
    t.equal(await user.session.whoami(), user.id, Object.keys(change).join() || 'nothing')
  }
  const { body: whole } = await send('GET', user.path)
  t.equal((await send('PUT', user.path, { ...whole, first_name: 'Ada' })).status, 200)
  t.equal(await user.session.whoami(), user.id, 'the whole user, sent back as it was read')
})

t.test('what was not done ends nothing', async (t) => {
  const user = await makeSomebody(t, { is_superuser: true })
  const rights = await service.findPermission('change_user')
  const clerk = await service.makeCaller({ is_superuser: false, user_permissions: [rights] })
  const requests = {
    'a dry run': [200, () => send('PATCH', `${user.path}?dry_run=true`, { password: NEW_PASSWORD })],
    'a refusal': [403, () => send('PATCH', user.path, { password: NEW_PASSWORD }, clerk.key)],
    'a fault': [400, () => send('PATCH', user.path, { password: NEW_PASSWORD, is_staff: 'yes' })],
    'a fault of another user': [
      400,
      () =>
        send('PATCH', '', [
          { id: user.id, password: NEW_PASSWORD },
          { id: clerk.id, groups: [2 ** 30] },
        ]),
    ],
  } as const
  for (const [name, [expected, request]] of Object.entries(requests)) {
    const { status, text } = await request()
    t.equal(status, expected, text)
    t.equal(await user.session.whoami(), user.id, name)
  }
})

t.test('a deactivation shuts everybody out; only a new password does so for good', async (t) => {
  const [back, changed] = [await makeSomebody(t), await makeSomebody(t)]
  for (const { path } of [back, changed]) await send('PATCH', path, { is_active: false })
  await send('PATCH', changed.path, { password: NEW_PASSWORD })
  for (const { username, session } of [back, changed]) {
    t.equal(await session.whoami(), null, 'at once')
    t.notOk(await session.logIn(username, PASSWORD), 'and nobody logs in')
    t.notOk(await session.logIn(username, NEW_PASSWORD))
  }
  for (const { path } of [back, changed]) await send('PATCH', path, { is_active: true })
  // That is Django's: it looks at the user on each request, and leaves the session where it is.
  t.equal(await back.session.whoami(), back.id, 'Django goes on with the session of who is active again')
  t.equal(await changed.session.whoami(), null, 'but not after a new password')
})

t.test('flags count on the next page', async (t) => {
  const user = await makeSomebody(t, { is_staff: true, is_superuser: true })
  const page = async () => (await user.session.get('/django-admin/auth/user/')).status
  t.equal(await page(), 200)
  await send('PATCH', user.path, { is_superuser: false })
  t.equal(await page(), 403, 'a superuser no more')
  const right = await service.findPermission('view_user')
  await send('PATCH', user.path, { user_permissions: [right] })
  t.equal(await page(), 200, 'a permission')
  await send('PATCH', user.path, { is_staff: false })
  t.equal(await page(), 302, 'staff no more: to the login')
  t.equal(await user.session.whoami(), user.id, 'the session itself lives on')
})

t.test('who is deleted is logged out', async (t) => {
  const user = await makeSomebody(t)
  t.equal((await send('DELETE', user.path)).status, 204)
  t.equal(await user.session.whoami(), null)
  const { rows } = await pool.query('select from auth_user where id = $1', [user.id])
  t.equal(rows.length, 0)
})
