/** Reading a user and sending it back writes nothing at all, whatever a Django table may hold. */
import { isDeepStrictEqual } from 'node:util'
import fc, { type Arbitrary } from 'fast-check'
import t from 'tap'
import { MAX_SET_SIZE } from '../../schemas/index.js'
import { startService, type UserFixture } from '../helpers/service.js'
import { anyText } from './arbitraries.js'
import { check } from './check.js'
import { stored } from './stored.js'

const service = await startService(t)
const { key } = await service.makeCaller()
const groups = await Promise.all(Array.from({ length: 5 }, () => service.makeGroup()))
const permissions = await Promise.all(Array.from({ length: 5 }, () => service.makePermission()))

/** What fits into a column: no NUL and no lone surrogate, and otherwise no rule at all. */
const column = (width: number, ...more: string[]) => fc.oneof(anyText(width), fc.constantFrom(...more))

const instants = fc.oneof(
  fc
    .tuple(
      fc.date({ min: new Date('0001-01-01'), max: new Date('9999-12-31'), noInvalidDate: true }),
      fc.nat(999),
    )
    .map(([date, micros]) => date.toISOString().replace('Z', `${String(micros).padStart(3, '0')}Z`)),
  fc.constantFrom(
    '2024-02-29T08:30:00Z',
    '2024-02-29T08:30:00.000001Z',
    '1883-11-18T12:03:58.5Z',
    '0001-01-01T00:00:00Z',
    '9999-12-31T23:59:59.999999Z',
    // Neither Django nor RFC 3339 knows these, and PostgreSQL stores them.
    'infinity',
    '-infinity',
    '0044-03-15 12:00:00+00 BC',
    '10000-01-01T00:00:00Z',
    '294276-12-31T23:59:59.999999Z',
  ),
)

const users: Arbitrary<UserFixture> = fc.record({
  password: column(
    128,
    '',
    '!',
    `!${'a'.repeat(40)}`,
    'argon2$********',
    'unknown$********',
    'md5$salt$5f4dcc3b5aa765d61d8327deb882cf99',
    'plain',
    '$',
    ' ',
    'argon2$argon2id$v=19$m=102400,t=2,p=8$c29tZXNhbHRzb21lc2FsdHNv$GpZ3sK/oH9p7VIiV56G/6w',
    'x'.repeat(128),
  ),
  last_login: fc.option(instants),
  is_superuser: fc.boolean(),
  username: column(150, '', 'two words', ' edges ', 'ﬁ', 'ＡＤＡ', 'a/b', '.'.repeat(150)),
  first_name: column(150, 'x'.repeat(31), 'x'.repeat(150), ' edges '),
  last_name: column(150, '\u00a0', 'x'.repeat(150)),
  email: column(254, 'nowhere', 'Ada@EXAMPLE.COM', ' ada@example.com ', '@', `${'x'.repeat(254)}`),
  is_staff: fc.boolean(),
  is_active: fc.boolean(),
  date_joined: instants,
  groups: fc.subarray(groups),
  user_permissions: fc.subarray(permissions),
})

t.test('reading and sending back whole writes nothing', () => holds(users, (whole) => whole))

t.test('nor does sending back a part, in another order', () =>
  holds(users, (whole) =>
    Object.fromEntries(
      Object.entries(whole)
        .toReversed()
        .filter((_, index) => (whole.id + index) % 3 !== 0),
    ),
  ),
)

t.test('a change beside what is sent back leaves all of that as it is', async () => {
  const property = fc.asyncProperty(users, async (user) => {
    await withUser(user, async (path, id) => {
      const { body } = await service.request('GET', path, { key })
      const before = await columnsOf(id)
      const answer = await service.request('PATCH', path, {
        key,
        body: { ...body, is_staff: !body.is_staff },
      })
      same([answer.status, answer.body], [200, { ...body, is_staff: !body.is_staff }])
      same(await columnsOf(id), { ...before, is_staff: !body.is_staff })
    })
  })
  await check(property, 40)
})

t.test('a name that would be normalised to that of somebody else', async (t) => {
  await service.makeUser({ username: 'file' })
  for (const username of ['ﬁle', ' file ', 'file\n']) {
    const id = await service.makeUser({ username })
    const { body } = await service.request('GET', `/admin/users/${id}/`, { key })
    const answer = await service.request('PATCH', `/admin/users/${id}/`, { key, body })
    t.strictSame([answer.status, answer.body], [200, body], JSON.stringify(username))
  }
})

t.test('a user of more groups than could be written at once', async (t) => {
  const id = await service.makeUser()
  await service.pool.query(
    `insert into auth_group (name) select 'many ' || n from generate_series(1, $1) n`,
    [MAX_SET_SIZE + 1],
  )
  await service.pool.query(
    `insert into auth_user_groups (user_id, group_id) select $1, id from auth_group where name like 'many %'`,
    [id],
  )
  const { body, text } = await service.request('GET', `/admin/users/${id}/`, { key })
  t.equal(body.groups.length, MAX_SET_SIZE + 1)
  const answer = await service.request('PATCH', `/admin/users/${id}/`, { key, body })
  t.equal(answer.status, 200, answer.text.slice(0, 300))
  t.equal(answer.text, text)
})

/** As JSON, which keeps the microseconds that a Date would lose. */
async function columnsOf(id: number): Promise<Record<string, unknown>> {
  const { rows } = await service.pool.query('select to_jsonb(u) as columns from auth_user u where id = $1', [
    id,
  ])
  return rows[0].columns
}

/** Makes users, sends back what is read of them, and compares everything that is stored. */
async function holds(users: Arbitrary<UserFixture>, sentBack: (whole: any) => object): Promise<void> {
  const property = fc.asyncProperty(users, async (user) => {
    await withUser(user, async (path, id) => {
      const before = await stored(service.pool, id)
      const { status, text, body } = await service.request('GET', path, { key })
      same(status, 200)
      const answer = await service.request('PATCH', path, { key, body: sentBack(body) })
      same([answer.status, answer.text], [200, text])
      same(await stored(service.pool, id), before)
    })
  })
  await check(property, 80)
}

async function withUser(user: UserFixture, work: (path: string, id: number) => Promise<void>): Promise<void> {
  const id = await service.makeUser(user)
  try {
    await work(`/admin/users/${id}/`, id)
  } finally {
    // The next case may have the same username.
    await service.pool.query('delete from auth_user_groups where user_id = $1', [id])
    await service.pool.query('delete from auth_user_user_permissions where user_id = $1', [id])
    await service.pool.query('delete from auth_user where id = $1', [id])
  }
}

function same(found: unknown, wanted: unknown): void {
  if (!isDeepStrictEqual(found, wanted))
    throw new Error(`found ${JSON.stringify(found)}, wanted ${JSON.stringify(wanted)}`)
}
