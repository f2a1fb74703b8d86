/** Lists: the envelope, pages by number, their links, what is shown, and what is refused. */
import t from 'tap'
import { PERMISSION_FIELDS, USER_FIELDS } from '../../schemas/index.js'
import { startService } from '../helpers/service.js'

const service = await startService(t)
const { request, makeUser, makeGroup, makeCaller, findPermission, url } = service
const { key } = await makeCaller({ username: 'root' })
const conferred = await findPermission('view_user')
const group = await makeGroup([conferred])
for (let index = 0; index < 3; index++) await makeGroup()
const members: number[] = []
for (let index = 0; index < 6; index++) members.push(await makeUser({ groups: [group] }))

const get = (path: string) => request('GET', path, { key })

/** Every list: how many items it has, and which fields each. */
const LISTS: Record<string, { count: number; fields: string[] }> = {
  '/admin/users/': { count: 7, fields: USER_FIELDS },
  '/admin/groups/': { count: 4, fields: ['id', 'name', 'permissions'] },
  '/admin/permissions/': { count: 16, fields: PERMISSION_FIELDS },
  [`/admin/groups/${group}/users/`]: { count: 6, fields: USER_FIELDS },
  '/admin/users/1/permissions/': { count: 16, fields: [...PERMISSION_FIELDS, 'sources'] },
}

/** `Link` headers by their relations. */
function linksOf(link: string | string[] | undefined): Record<string, string> {
  const parts = String(link ?? '').matchAll(/<([^>]*)>; rel="(\w+)"/g)
  return Object.fromEntries([...parts].map(([, target, relation]) => [relation, target]))
}

const ids = (body: any): number[] => body.results.map(({ id }: { id: number }) => id)

for (const [path, { count, fields }] of Object.entries(LISTS)) {
  t.test(`${path}: the envelope of Django REST Framework`, async (t) => {
    const { status, body } = await get(path)
    t.equal(status, 200)
    t.strictSame(Object.keys(body), ['count', 'next', 'previous', 'results'])
    t.strictSame(
      [body.count, body.next, body.previous, body.results.length],
      [count, null, null, count],
      'all fit on one page',
    )
    for (const item of body.results) t.strictSame(Object.keys(item), fields)
    const sorted = ids(body).toSorted((a, b) => a - b)
    t.strictSame(ids(body), sorted, 'by id where nothing else is asked for')
  })

  t.test(`${path}: pages by number, forward by next and backward by previous`, async (t) => {
    const all = ids((await get(path)).body)
    const size = 3
    const last = Math.ceil(count / size)
    const page = (number: number) =>
      number === 1 ? `${url}${path}?page_size=${size}` : `${url}${path}?page=${number}&page_size=${size}`
    let next: string | null = page(1)
    const seen: number[] = []
    for (let number = 1; next !== null; number++) {
      t.equal(next, page(number), `page ${number} has one URL`)
      const { status, body, headers } = await get(next.slice(url.length))
      t.equal(status, 200)
      t.equal(body.count, count)
      t.equal(body.previous, number === 1 ? null : page(number - 1))
      t.equal(body.next, number === last ? null : page(number + 1))
      t.strictSame(
        linksOf(headers.link),
        {
          first: page(1),
          ...(number === last ? {} : { next: page(number + 1) }),
          ...(number === 1 ? {} : { prev: page(number - 1) }),
          last: page(last),
        },
        'and the same in Link',
      )
      seen.push(...ids(body))
      next = body.next
    }
    t.strictSame(seen, all, 'each once, and in order')
    const { body } = await get(`${path}?page=last&page_size=${size}`)
    t.strictSame(ids(body), all.slice((last - 1) * size), 'the last page')
    t.equal(body.next, null)
  })

  t.test(`${path}: a page that does not exist is 404, one that is not named is refused`, async (t) => {
    for (const page of ['0', '-1', '99', '1.5', 'x', '1e0', ' 1', '0x1', '٣', '9'.repeat(30), 'LAST']) {
      const answer = await get(`${path}?page=${encodeURIComponent(page)}`)
      t.strictSame(
        [answer.status, answer.body.code, answer.body.detail],
        [404, 'not_found', 'Invalid page.'],
        page,
      )
    }
    t.strictSame((await get(`${path}?page=01`)).text, (await get(path)).text, 'zeros before it are nothing')
    t.equal((await get(`${path}?page=1&page=1`)).status, 400, 'twice')
    t.equal((await get(`${path}?page=1&cursor=`)).status, 400, 'a page and a cursor')
  })

  t.test(`${path}: without a count`, async (t) => {
    const { body, headers } = await get(`${path}?count=false&page_size=3`)
    t.equal(body.count, null)
    t.equal(body.results.length, 3)
    t.match(body.next, /count=false/, 'nor on the next page')
    t.notOk('last' in linksOf(headers.link), 'nobody knows which page is the last')
    t.equal(
      (await get(`${path}?count=true&cursor=`)).body.count,
      count,
      'a cursor counts where that is asked for',
    )
    t.equal((await get(`${path}?cursor=`)).body.count, null, 'and not by itself')
    const { body: last } = await get(`${path}?page=last&count=false&page_size=3`)
    t.strictSame([last.count, last.next, last.results.length], [null, null, count % 3 || 3])
  })

  t.test(`${path}: the size of a page`, async (t) => {
    t.equal((await get(`${path}?page_size=1`)).body.results.length, 1)
    t.equal((await get(`${path}?page_size=1000`)).body.results.length, count)
    for (const size of ['0', '-1', '1001', 'x', '1.5', '', 'all', '99999999999999999999']) {
      const { status, body } = await get(`${path}?page_size=${size}`)
      t.strictSame([status, body.code], [400, 'invalid'], `page_size=${size}`)
      t.match(body.detail, /^The URL is not valid: page_size /, 'it says which parameter')
    }
  })

  t.test(`${path}: the fields that are wanted, in the order of the schema`, async (t) => {
    const [one, two] = [fields.at(-1)!, fields[0]!]
    const { body } = await get(`${path}?fields=${one},${two},${one}`)
    t.equal(body.results.length, count)
    for (const item of body.results) t.strictSame(Object.keys(item), [two, one])
    const { body: whole } = await get(path)
    t.strictSame(
      body.results,
      whole.results.map((item: any) => ({ [two]: item[two], [one]: item[one] })),
      'with the same values',
    )
    for (const value of ['', 'nothing', `${one},nothing`, `${one},`, `-${one}`, one.toUpperCase()]) {
      const answer = await get(`${path}?fields=${value}`)
      t.strictSame([answer.status, answer.body.code], [400, 'invalid'], `fields=${value}`)
      for (const name of fields) t.ok(answer.body.detail.includes(name), `it says that there is ${name}`)
    }
  })

  t.test(`${path}: what is no parameter, and what is no value, is refused and named`, async (t) => {
    const refused: Record<string, string> = {
      'pagesize=3': '"pagesize"',
      'limit=3': '"limit"',
      'user__name=x': '"user__name"',
      '__proto__=x': '"__proto__"',
      'ordering=nothing': 'ordering may name id,',
      'ordering=': 'ordering may name',
      'ordering=--id': 'ordering may name',
      'ordering=id,': 'ordering may name',
      'count=1': 'count must be true or false',
      'count=': 'count must be true or false',
      'cursor=a&cursor=b': 'cursor',
      'search=a&search=b': 'search',
      'search=%00': 'search',
      'format=xml': 'format',
      [`search=${'x'.repeat(201)}`]: 'search must NOT have more than 200 characters',
    }
    for (const [query, words] of Object.entries(refused)) {
      const { status, body } = await get(`${path}?${query}`)
      t.strictSame([status, body.code], [400, 'invalid'], query.slice(0, 40))
      t.ok(body.detail?.startsWith('The URL is not valid: '), body.detail)
      t.ok(body.detail?.includes(words), body.detail)
    }
    const { body } = await get(`${path}?nothing=1&page_size=0&count=x`)
    for (const words of ['"nothing"', 'page_size', 'count']) t.ok(body.detail.includes(words), 'all at once')
  })

  t.test(`${path}: both forms of the URL, HEAD, and who may not`, async (t) => {
    t.equal((await get(path.slice(0, -1))).text, (await get(path)).text)
    const { body } = await get(`${path.slice(0, -1)}?page_size=1&format=json`)
    t.equal(
      body.next,
      `${url}${path.slice(0, -1)}?format=json&page=2&page_size=1`,
      'links keep what was asked',
    )
    const [whole, head] = [await get(path), await request('HEAD', path, { key })]
    t.strictSame([head.status, head.text], [200, ''])
    for (const name of ['content-length', 'content-type', 'link', 'cache-control'])
      t.equal(head.headers[name], whole.headers[name], name)
    t.ok(Number(head.headers['content-length']) > 50)
    t.equal((await request('HEAD', `${path}?page=99`, { key })).status, 404)
    t.equal((await request('GET', path)).status, 401)
    t.equal((await request('HEAD', path)).status, 401)
    for (const method of ['GET', 'HEAD']) {
      const nobody = await makeCaller({ is_superuser: false })
      t.equal((await request(method, path, nobody)).status, 403, 'staff without a permission')
    }
    const visitor = await makeCaller({ is_superuser: true, is_staff: false })
    t.equal((await request('GET', path, visitor)).status, 403, 'whoever is no staff')
  })
}

t.test('what a refusal says is well put', async (t) => {
  const queries = ['search=%00', 'group=x', 'is_staff=yes', 'page_size=0', 'ordering=x', 'page=1&page=2']
  for (const query of [...queries, 'last_login__gt=yesterday', 'fields=x', 'format=xml', 'nothing=1']) {
    const { body } = await get(`/admin/users/?${query}`)
    t.match(body.detail, /^The URL is not valid: [^.]*[^.]\.$/s, 'one sentence with one full stop')
  }
})

t.test('a size that is no plain number is refused by name, and never reaches the database', async (t) => {
  for (const size of [
    'Infinity',
    '-Infinity',
    '1e400',
    '-1e400',
    'NaN',
    '1e2',
    '0x10',
    '0b11',
    '%2010',
    '1.0',
  ]) {
    const { status, body } = await get(`/admin/users/?page_size=${size}`)
    t.strictSame([status, body.code], [400, 'invalid'], size)
    t.match(body.detail, /^The URL is not valid: page_size /, size)
  }
})

t.test('each list needs a permission of its own', async (t) => {
  const may: Record<string, string[]> = {
    view_user: ['/admin/users/', `/admin/groups/${group}/users/`, '/admin/users/1/permissions/'],
    view_group: ['/admin/groups/'],
    view_permission: ['/admin/permissions/'],
    change_user: [
      '/admin/users/',
      `/admin/groups/${group}/users/`,
      '/admin/users/1/permissions/',
      '/admin/permissions/',
    ],
    change_group: ['/admin/groups/', '/admin/permissions/'],
    add_user: [],
    delete_group: [],
  }
  for (const [codename, paths] of Object.entries(may)) {
    const caller = await makeCaller({
      is_superuser: false,
      user_permissions: [await findPermission(codename)],
    })
    for (const path of Object.keys(LISTS)) {
      const { status, body } = await request('GET', path, caller)
      t.equal(status, paths.includes(path) ? 200 : 403, `${codename}: ${path}`)
      if (status === 403) t.ok(body.missing_permissions.length > 0, 'it says what is missing')
    }
  }
})

t.test('a list of something that does not exist', async (t) => {
  for (const id of ['999999', '0', 'x', '01', '9007199254740993', '%00', '1.0']) {
    for (const path of [`/admin/groups/${id}/users/`, `/admin/users/${id}/permissions/`]) {
      const { status, body } = await get(path)
      t.strictSame([status, body.code], [404, 'not_found'], path)
    }
  }
})

t.test('a list of nothing has one page', async (t) => {
  const empty = await makeGroup()
  const path = `/admin/groups/${empty}/users/`
  for (const query of ['', '?page=1', '?page=last']) {
    const { status, body } = await get(path + query)
    t.strictSame([status, body], [200, { count: 0, next: null, previous: null, results: [] }], query)
  }
  t.strictSame((await get(`${path}?cursor=`)).body, { count: null, next: null, previous: null, results: [] })
  t.equal((await get(`${path}?page=2`)).status, 404)
})
