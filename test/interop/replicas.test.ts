/** Two services and Django on one database: whatever ends on one side has ended on all of them. */
import t, { type Test } from 'tap'
import { run, spawnStart } from '../helpers/cli.js'
import { until } from '../helpers/until.js'
import { requester } from '../helpers/service.js'
import { saveUser } from './admin-form.js'
import { QUICK, startBoth } from './both.js'
import { logIn } from './visitor.js'

const PASSWORD = 'the first password'

const { django, service, key: rootKey } = await startBoth(t)
const { databaseUrl, findPermission } = service
const environment = {
  ...QUICK,
  DATABASE_URL: databaseUrl,
  LOG_LEVEL: 'silent',
  // A busy machine is no reason to shed load here.
}
// The other one is a process of its own, as replicas are.
const replica = await spawnStart(t, environment)
const ours = { A: service.request, B: requester(replica.url) } as const
type Replica = keyof typeof ours

const rights = [await findPermission('view_user'), await findPermission('change_user')]
const target = await service.makeUser()

const send = (method: string, path: string, body?: unknown, door: Replica = 'A') =>
  ours[door](method, `/admin/users/${path}`, { key: rootKey, body })

async function commandLine(...args: string[]): Promise<{ stdout: string; stderr: string }> {
  const { status, stdout, stderr } = await run(args, environment)
  if (status !== 0) throw new Error(stderr)
  return { stdout, stderr }
}

/** A way in, and what stands at it: 200 where it is open. */
type Doors = Record<
  'key at A' | 'key at B' | 'token at A' | 'token at B' | 'token at Django' | 'session' | 'login',
  number
>

const KEYS = { 'key at A': 401, 'key at B': 401 } as const
const TOKENS = { 'token at A': 401, 'token at B': 401, 'token at Django': 401 } as const
const PAGES = { session: 401, login: 401 } as const
const OPEN: Doors = {
  'key at A': 200,
  'key at B': 200,
  'token at A': 200,
  'token at B': 200,
  'token at Django': 200,
  session: 200,
  login: 200,
}

let made = 0

/** Staff with a key, a token and a session, all of which have been used everywhere. */
async function makeHolder(t: Test) {
  const username = `holder-${++made}`
  const { body } = await send('POST', '', {
    username,
    password: PASSWORD,
    is_staff: true,
    user_permissions: rights,
  })
  const id: number = body.id
  const key = await service.makeKey(id)
  const { body: granted } = await django.request('POST', '/token/', {
    body: { username, password: PASSWORD },
  })
  const session = await logIn(django, username, PASSWORD)

  const status = async (request: typeof service.request, authorization: string) =>
    (await request('GET', `/admin/users/${target}/`, { headers: { authorization } })).status

  async function doors(password = PASSWORD): Promise<Doors> {
    const token = `Token ${granted.token}`
    return {
      'key at A': await status(ours.A, `Bearer ${key}`),
      'key at B': await status(ours.B, `Bearer ${key}`),
      'token at A': await status(ours.A, token),
      'token at B': await status(ours.B, token),
      'token at Django': await status(django.request, token),
      session: (await session.whoami()) === id ? 200 : 401,
      login: (await django.ask('authenticate', { username, password })) === id ? 200 : 401,
    }
  }
  t.strictSame(await doors(), OPEN, `${username} comes in everywhere`)
  return { id, path: `${id}/`, username, key, token: granted.token as string, doors }
}
type Holder = Awaited<ReturnType<typeof makeHolder>>

await service.makeUser({
  username: 'editor',
  password: await django.ask('make_password', { password: 'edits' }),
  is_staff: true,
  is_superuser: true,
})
const admin = await logIn(django, 'editor', 'edits')
const save = (user: number, fields: object) => django.ask('save', { user, fields })

/** What happens, on which side, and what of the holder's is at an end. */
const ENDINGS: Record<string, [(holder: Holder) => Promise<unknown>, Partial<Doors>]> = {
  'A ends keys': [({ path }) => send('PATCH', `${path}?revoke=keys`, {}), KEYS],
  'B ends tokens': [({ path }) => send('PATCH', `${path}?revoke=tokens`, {}, 'B'), TOKENS],
  'Django deletes the token': [({ id }) => django.ask('delete_token', { user: id }), TOKENS],
  'A deactivates': [
    ({ path }) => send('PATCH', path, { is_active: false }),
    { ...KEYS, ...TOKENS, ...PAGES },
  ],
  'B deactivates': [
    ({ path }) => send('PATCH', path, { is_active: false }, 'B'),
    { ...KEYS, ...TOKENS, ...PAGES },
  ],
  'Django deactivates': [({ id }) => save(id, { is_active: false }), { ...KEYS, ...TOKENS, ...PAGES }],
  "Django's admin deactivates": [
    ({ id, username }) =>
      saveUser(admin, id, { username, is_active: false, is_staff: true, user_permissions: rights }),
    { ...KEYS, ...TOKENS, ...PAGES },
  ],
  'B sets a password': [({ path }) => send('PATCH', path, { password: 'another one' }, 'B'), PAGES],
  'Django sets a password': [
    ({ id }) => django.ask('set_password', { user: id, password: 'another one' }),
    PAGES,
  ],
  'A takes the staff flag': [({ path }) => send('PATCH', path, { is_staff: false }), forbidden()],
  'Django takes the staff flag': [({ id }) => save(id, { is_staff: false }), forbidden()],
  'B deletes': [({ path }) => send('DELETE', path, undefined, 'B'), { ...KEYS, ...TOKENS, ...PAGES }],
  'Django deletes': [({ id }) => django.ask('delete_user', { user: id }), { ...KEYS, ...TOKENS, ...PAGES }],
}

/** Known, and not let in. */
function forbidden(): Partial<Doors> {
  return Object.fromEntries(Object.keys({ ...KEYS, ...TOKENS }).map((door) => [door, 403]))
}

t.test('what ends on one side has ended on all', async (t) => {
  const bystander = await makeHolder(t)
  for (const [name, [end, closed]] of Object.entries(ENDINGS)) {
    const holder = await makeHolder(t)
    await end(holder)
    t.strictSame(await holder.doors(), { ...OPEN, ...closed }, name)
  }
  t.strictSame(await bystander.doors(), OPEN, 'and nothing of anybody else')
})

t.test('what begins on one side has begun on all', async (t) => {
  const { id, path, username, doors } = await makeHolder(t)
  await save(id, { is_active: false })
  await send('PATCH', path, { is_active: true }, 'B')
  t.strictSame(await doors(), OPEN, 'Django deactivated, and ended nothing for good')
  await send('PATCH', path, { is_active: false })
  await save(id, { is_active: true })
  t.strictSame(await doors(), { ...OPEN, ...KEYS, ...TOKENS }, 'we did, and keys and tokens stay at an end')
  await send('PATCH', path, { password: 'by A' })
  t.equal((await doors('by A')).login, 200)
  await django.ask('set_password', { user: id, password: 'by Django' })
  t.equal((await doors('by Django')).login, 200)

  const { stdout, stderr } = await commandLine('create-key', '--username', username)
  const [key, keyId] = [stdout.trim(), /^Key (\d+)/.exec(stderr)![1]!]
  const token = await django.ask('make_token', { user: id })
  const statuses = async (authorization: string) =>
    Promise.all(
      [ours.A, ours.B].map(
        async (request) => (await request('GET', '/admin/me/', { headers: { authorization } })).status,
      ),
    )
  t.strictSame(await statuses(`Bearer ${key}`), [200, 200], 'a key of the command line')
  t.strictSame(await statuses(`Token ${token}`), [200, 200], 'a token of Django')
  await commandLine('revoke-key', keyId)
  t.strictSame(await statuses(`Bearer ${key}`), [401, 401], 'revoked on the command line')
})

t.test('rights that Django gives and takes count at once', async (t) => {
  const { id, key } = await makeHolder(t)
  const group = await service.makeGroup(rights)
  const statuses = () =>
    Promise.all(
      Object.values(ours).map(
        async (request) =>
          (await request('PATCH', `/admin/users/${target}/`, { key, body: { first_name: 'x' } })).status,
      ),
    )
  t.strictSame(await statuses(), [200, 200])
  await saveUser(admin, id, { username: 'holder-x', is_staff: true })
  t.strictSame(await statuses(), [403, 403], 'taken by the admin')
  await django.ask('set_groups', { user: id, groups: [group] })
  t.strictSame(await statuses(), [200, 200], 'given by a group')
  await django.ask('set_groups', { user: id, groups: [] })
  t.strictSame(await statuses(), [403, 403], 'taken with the group')
  await save(id, { is_superuser: true })
  t.strictSame(await statuses(), [200, 200], 'a superuser')
})

t.test('in the middle of many requests: none that begins afterwards is let in', async (t) => {
  const ways = {
    A: (id: number) => send('PATCH', `${id}/`, { is_active: false }),
    B: (id: number) => send('PATCH', `${id}/`, { is_active: false }, 'B'),
    Django: (id: number) => save(id, { is_active: false }),
  }
  for (const [name, deactivate] of Object.entries(ways)) {
    const { id, key, token } = await makeHolder(t)
    const [before, after] = [[] as number[], [] as number[]]
    let isOver = false
    const knock = async (request: typeof service.request, authorization: string) => {
      for (let late = 0; late < 3;) {
        const isLate = isOver
        const { status } = await request('GET', `/admin/users/${target}/`, { headers: { authorization } })
        ;(isLate ? after : before).push(status)
        if (isLate) late++
      }
    }
    const knocking = [
      ...Object.values(ours).flatMap((request) => [
        knock(request, `Bearer ${key}`),
        knock(request, `Token ${token}`),
      ]),
      knock(django.request, `Token ${token}`),
    ]
    await until(() => before.length > 2 * knocking.length)
    await deactivate(id)
    isOver = true
    await Promise.all(knocking)
    t.equal(before[0], 200)
    t.strictSame(
      [...new Set(after)],
      [401],
      `${name}: ${before.length} requests before, and ${after.length} after it`,
    )
  }
})
