/** Pages by cursor: forward and back, each item once, in the right order, whatever happens meanwhile. */
import t, { type Test } from 'tap'
import { USER_ORDERINGS } from '../../schemas/index.js'
import { startService, type TestService } from '../helpers/service.js'

const service = await startService(t)
const { request, makeUser, makeGroup, makeCaller, pool, url } = service
const { key } = await makeCaller({ username: 'root', first_name: '' })

// Few values, so that many are equal; instants a microsecond apart; nulls.
const NAMES = ['', 'Ada', 'ada', 'Émile', 'zoë', 'Zoë', "O'Brien", '李']
const INSTANTS = [
  null,
  '2024-02-29T08:30:00.000001Z',
  '2024-02-29T08:30:00.000002Z',
  '2024-02-29T08:30:00Z',
  '1999-12-31T23:59:59.999999Z',
  '9999-12-31T23:59:59.999999Z',
  '0001-01-01T00:00:00Z',
]
const group = await makeGroup()
for (let index = 0; index < 60; index++) {
  await makeUser({
    first_name: NAMES[index % NAMES.length]!,
    last_name: NAMES[(index * 5) % 3]!,
    email: index % 4 === 0 ? '' : `${index % 7}@example.com`,
    last_login: INSTANTS[(index * 3) % INSTANTS.length]!,
    date_joined: INSTANTS[1 + (index % (INSTANTS.length - 1))]!,
    is_active: index % 3 !== 0,
    is_staff: index % 5 === 0,
    groups: index % 2 === 0 ? [group] : [],
  })
}

const get = (path: string) => request('GET', path, { key })

/** The ids on one page, after looking whether PostgreSQL itself, for which a null comes last, has them in that order. */
async function ordered(t: Test, path: string, table: string, where = 'true'): Promise<number[]> {
  const terms = new URL(path, url).searchParams.get('ordering')!.split(',')
  const order = terms.map((name) => (name.startsWith('-') ? `${name.slice(1)} desc` : name)).join(', ')
  const { rows } = await pool.query(
    `select id, dense_rank() over (order by ${order})::int as rank from ${table} where ${where}`,
  )
  const ranks = new Map(rows.map(({ id, rank }) => [id, rank]))
  const { body } = await get(`${path}&page_size=1000`)
  const ids = idsOf(body)
  t.strictSame(ids.toSorted(), [...ranks.keys()].toSorted(), 'on one page: each once')
  const found = ids.map((id) => ranks.get(id))
  t.strictSame(
    found,
    found.toSorted((a, b) => a - b),
    'and in order',
  )
  return ids
}

const idsOf = (body: any): number[] => body.results.map(({ id }: { id: number }) => id)

/** Follows a link to the end. */
async function walk(from: string, direction: 'next' | 'previous') {
  const pages: number[][] = []
  let [path, back, steps]: [string | null, string, number] = [from, from, 0]
  while (path !== null) {
    if (++steps > 200) throw new Error('it does not end')
    const { status, body, text } = await get(path)
    if (status !== 200) throw new Error(`${path}: ${status} ${text}`)
    pages.push(idsOf(body))
    back = body[direction === 'next' ? 'previous' : 'next'] ?? back
    path = body[direction]?.slice(url.length) ?? null
  }
  return { pages, back: back.startsWith(url) ? back.slice(url.length) : back }
}

/** Every page but the last is full, and together they are just these. */
async function isWalk(t: Test, path: string, expected: number[], size: number): Promise<void> {
  const forward = await walk(path, 'next')
  t.strictSame(forward.pages.flat(), expected, 'forward: each once, and in order')
  t.strictSame(
    forward.pages.slice(0, -1).filter(({ length }) => length !== size),
    [],
    'every page is full but the last',
  )
  t.ok(forward.pages.at(-1)!.length > 0, 'which has something on it')
  if (forward.pages.length === 1) return
  // From the last page on, one by one back to the first.
  const backward = await walk(forward.back, 'previous')
  const seen = [...backward.pages.toReversed().flat(), ...forward.pages.at(-1)!]
  t.strictSame(seen, expected, 'backward: each once, and in order')
}

const ORDERINGS = [
  ...USER_ORDERINGS.flatMap((name) => [name, `-${name}`]),
  'first_name,last_name',
  '-first_name,-last_name,-id',
  '-last_login,first_name',
  'last_login,-date_joined',
  'is_active,-is_staff,last_login,-email,username',
  '-is_superuser,date_joined,-id',
  'last_name,-last_login,-id',
]

for (const ordering of ORDERINGS) {
  t.test(`in the order of ${ordering}`, async (t) => {
    const path = `/admin/users/?fields=id&ordering=${ordering}`
    const expected = await ordered(t, path, 'auth_user')
    // One by one is dear: for the orders that are hardest.
    for (const size of [7, 30, ...(ordering.includes(',') ? [1] : [])])
      await isWalk(t, `${path}&cursor=&page_size=${size}`, expected, size)
  })
}

t.test('with filters, and in the other lists', async (t) => {
  for (let index = 0; index < 5; index++) await makeGroup()
  const ada = "is_active and (first_name ilike '%ada%' or last_name ilike '%ada%')"
  const members = `id in (select user_id from auth_user_groups where group_id = ${group})`
  const lists: [string, string, string?][] = [
    ['/admin/users/?is_active=true&search=ada&ordering=-last_login', 'auth_user', ada],
    [`/admin/groups/${group}/users/?ordering=first_name,-id`, 'auth_user', members],
    [`/admin/users/?group=${group}&ordering=-is_staff,username`, 'auth_user', members],
    ['/admin/groups/?ordering=-name', 'auth_group'],
    ['/admin/permissions/?ordering=-codename', 'auth_permission'],
    ['/admin/permissions/?ordering=name,-id', 'auth_permission'],
    ['/admin/users/1/permissions/?ordering=-id', 'auth_permission'],
  ]
  for (const [path, table, where] of lists) {
    const expected = await ordered(t, path, table, where)
    t.ok(expected.length > 5, path)
    await isWalk(t, `${path}&cursor=&page_size=4`, expected, 4)
  }
})

t.test('users who come and go while somebody walks', async (t) => {
  for (const ordering of ['id', '-id', 'username', '-last_login,username', 'first_name,-id', 'is_staff']) {
    const list = `/admin/users/?fields=id&ordering=${ordering}`
    const before = await ordered(t, list, 'auth_user')
    const gone = new Set<number>()
    const come = new Set<number>()
    const seen: number[] = []
    let path: string | null = `${list}&cursor=&page_size=4`
    for (let step = 0; path !== null; step++) {
      const { status, body }: Awaited<ReturnType<TestService['request']>> = await get(path)
      if (status !== 200) return t.fail(`${status}`)
      seen.push(...idsOf(body))
      path = body.next?.slice(url.length) ?? null
      if (step % 2 === 1) continue
      // The last one that was seen, on whom the cursor stands, is among those that go.
      const victim = step % 4 === 0 ? seen.at(-1)! : before.find((id) => !seen.includes(id) && !gone.has(id))
      if (victim !== undefined && victim !== 1) {
        await remove(victim)
        gone.add(victim)
      }
      come.add(await makeUser({ last_login: INSTANTS[step % 3]!, first_name: NAMES[step % 8]! }))
    }
    const missed = before.filter((id) => !seen.includes(id) && !gone.has(id))
    const strangers = seen.filter((id) => !before.includes(id) && !come.has(id))
    t.equal(new Set(seen).size, seen.length, `${ordering}: nobody twice`)
    t.strictSame([missed, strangers], [[], []], `${ordering}: whoever stayed was seen`)
    const after = await ordered(t, list, 'auth_user')
    t.strictSame(
      seen.filter((id) => after.includes(id)),
      after.filter((id) => seen.includes(id)),
      `${ordering}: in order`,
    )
    t.ok(gone.size > 3 && come.size > 6)
  }
})

t.test('whoever went to the end can go back, also where that end is gone meanwhile', async (t) => {
  const one = await makeUser({ username: 'zzz-1' })
  const two = await makeUser({ username: 'zzz-2' })
  const { body: first } = await get('/admin/users/?cursor=&search=zzz-&ordering=username&page_size=1')
  await remove(two)
  const { status, body } = await get(first.next.slice(url.length))
  t.strictSame([status, body.results, body.next], [200, [], null])
  t.type(body.previous, 'string', 'a page of nothing after something has a page before it')
  if (body.previous === null) return
  const { body: back } = await get(body.previous.slice(url.length))
  t.strictSame(idsOf(back), [one])
})

async function remove(id: number): Promise<void> {
  await pool.query('delete from auth_user_groups where user_id = $1', [id])
  await pool.query('delete from auth_user where id = $1', [id])
}

const cursorOf = (next: string) => new URL(next).searchParams.get('cursor')!
const encoded = (value: unknown) => Buffer.from(JSON.stringify(value)).toString('base64url')

t.test('a cursor of another order or list, and one that is none', async (t) => {
  const orderings = ['id', '-id', 'username', '-last_login', 'last_login', 'is_staff', 'first_name,last_name']
  for (const from of orderings) {
    const { body } = await get(`/admin/users/?cursor=&page_size=2&ordering=${from}`)
    const cursor = cursorOf(body.next)
    for (const to of orderings) {
      const answer = await get(`/admin/users/?page_size=2&ordering=${to}&cursor=${cursor}`)
      t.equal(answer.status, from === to ? 200 : 400, `of ${from} for ${to}`)
      if (answer.status === 400) t.match(answer.body.detail, /cursor/, 'it says that it is the cursor')
    }
    const groups = await get(`/admin/groups/?ordering=name&cursor=${cursor}`)
    t.equal(groups.status, 400, `of users by ${from} for groups by name`)
  }
  const garbage = [
    'x',
    '%00',
    'null',
    'W10',
    '0',
    'ÿ',
    '李',
    'A'.repeat(4_000),
    ...[null, {}, [], 1, '', ['after'], ['after', 'id'], ['after', 'id', null], ['after', 'id', '1']].map(
      encoded,
    ),
    ...[
      ['after', 'id', 1.5],
      ['after', 'id', 2 ** 60],
      ['after', 'id', 1, 2],
      ['beside', 'id', 1],
    ].map(encoded),
    ...[
      ['after', 'id', [1]],
      ['after', 'id', { a: 1 }],
      ['after', '-id', 1],
      ['after', 'id,id', 1, 1],
    ].map(encoded),
  ]
  for (const cursor of garbage) {
    const { status, body } = await get(`/admin/users/?cursor=${encodeURIComponent(cursor)}`)
    t.strictSame([status, body.code], [400, 'invalid'], cursor.slice(0, 40))
    t.match(body.detail, /cursor/, 'it says that it is the cursor')
  }
  t.equal((await get(`/admin/users/?cursor=${'A'.repeat(4_001)}`)).status, 400)
})

t.test('a cursor that was made up is refused as one, whatever type of value is wrong in it', async (t) => {
  const made: [string, unknown[]][] = [
    ['last_login', ['after', 'last_login,id', 'nonsense', 1]],
    ['last_login', ['after', 'last_login,id', '', 1]],
    ['last_login', ['after', 'last_login,id', '2024-13-45T00:00:00Z', 1]],
    ['date_joined', ['before', 'date_joined,id', '999999-01-01', 1]],
    ['date_joined', ['before', 'date_joined,id', 5, 1]],
    // An offset that RFC 3339 allows, and PostgreSQL does not.
    ['date_joined', ['before', 'date_joined,id', '2024-01-15T09:00:00+16:00', 1]],
    ['is_staff', ['after', 'is_staff,id', 'true', 1]],
    ['username', ['after', 'username', '\u0000']],
    ['username', ['after', 'username', '\ud800']],
    ['username', ['after', 'username', 7]],
    ['username', ['after', 'username', 'x'.repeat(1_001)]],
  ]
  for (const [ordering, value] of made) {
    const { status, body } = await get(`/admin/users/?ordering=${ordering}&cursor=${encoded(value)}`)
    t.strictSame([status, body.code], [400, 'invalid'], JSON.stringify(value).slice(0, 60))
    t.match(body.detail, /cursor/, 'it says that it is the cursor')
  }
})
