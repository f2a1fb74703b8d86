/** `Prefer: handling=lenient` (RFC 7240): unknown fields are dropped, and named in `Dropped-Fields`. */
import t, { type Test } from 'tap'
import { faultsOf } from '../helpers/observe.js'
import { type Answer, type RequestOptions, startService } from '../helpers/service.js'

const settings = { PASSWORD_HASHER: 'pbkdf2_sha256', PBKDF2_ITERATIONS: '1' } as const
const service = await startService(t, settings)
const { request, makeUser, makeGroup, makeCaller } = service
const { key } = await makeCaller({ username: 'root' })

const send = (method: string, path: string, options: RequestOptions = {}) =>
  request(method, `/admin/${path}`, { key, ...options })
const prefer = (prefer: string | string[]) => ({ headers: { prefer } })
const jsonPatch = (operations: unknown, more: object = {}) => ({
  rawBody: JSON.stringify(operations),
  headers: { 'content-type': 'application/json-patch+json', ...more },
})

/** The list of strings (RFC 9651) that a header holds, read strictly: the names that were dropped. */
function dropped(t: Test, { headers }: Answer): string[] | undefined {
  const header = headers['dropped-fields'] as string | undefined
  if (header === undefined) return undefined
  const ITEM = /(?:^|, )"((?:[\x20\x21\x23-\x5b\x5d-\x7e]|\\["\\])*)"/gy
  const items = [...header.matchAll(ITEM)]
  t.equal(items.map(([text]) => text).join(''), header, 'a list of strings, and nothing else')
  return items.map(([, text]) => decodeURIComponent(text!.replace(/\\(.)/g, '$1')))
}

t.test('handling=lenient drops unknown fields and names them', async (t) => {
  const [id, group] = [await makeUser(), await makeGroup()]
  const path = `users/${id}/`
  const whole = { username: `lenient-${id}`, password: 'x' }
  const unknown = { nickname: 'x', colour: { deep: [1] } }
  const requests: [string, string, object, string[]][] = [
    ['PATCH', path, { first_name: 'Kept', ...unknown }, ['/nickname', '/colour']],
    ['PATCH', path, { last_name: 'None' }, []],
    ['PUT', path, { ...whole, ...unknown }, ['/nickname', '/colour']],
    [
      'POST',
      'users/',
      { ...whole, username: `made-${id}`, id: 7, ...unknown },
      ['/nickname', '/colour', '/id'],
    ],
    ['PATCH', `groups/${group}/`, { name: `lenient-${group}`, users: [1] }, ['/users']],
    ['PUT', `groups/${group}/`, { name: `put-${group}`, users: [1] }, ['/users']],
    ['POST', 'groups/', { name: `made-${group}`, permissions: [], users: [1] }, ['/users']],
  ]
  for (const [method, where, body, names] of requests) {
    const what = `${method} ${where}`
    for (const handling of [undefined, 'handling=strict']) {
      if (names.length === 0) continue
      const strict = await send(method, where, {
        body,
        headers: handling === undefined ? {} : { prefer: handling },
      })
      t.equal(strict.status, 400, `${what} without it`)
    }
    const answer = await send(method, where, { body, ...prefer('handling=lenient') })
    t.match(answer.status, /^20[01]$/, what)
    t.equal(answer.headers['preference-applied'], 'handling=lenient')
    t.match(answer.headers.vary, /prefer/i)
    t.strictSame(dropped(t, answer)?.toSorted(), names.length === 0 ? undefined : names.toSorted(), what)
    const known = Object.entries(body).filter(([name]) => !names.includes(`/${name}`) && name !== 'password')
    t.match(answer.body, Object.fromEntries(known), 'the others are written')
  }
  const both = await send('PATCH', path, { body: { x: 1 }, ...prefer('return=minimal, handling=lenient') })
  t.strictSame(
    [both.status, String(both.headers['preference-applied']).split(', ').toSorted()],
    [204, ['handling=lenient', 'return=minimal']],
  )
  t.strictSame(dropped(t, both), ['/x'], 'named beside an answer without a body')

  const faulty = await send('PATCH', path, {
    body: { x: 1, email: 'x', is_staff: 'yes', id: id + 1 },
    ...prefer('handling=lenient'),
  })
  t.equal(faulty.status, 400, 'what is known must be right all the same')
  t.strictSame(faultsOf(faulty.body), { '/email': 'invalid', '/is_staff': 'invalid_type', '/id': 'mismatch' })
})

t.test('lenient: many, and JSON Patch', async (t) => {
  const ids = [await makeUser(), await makeUser(), await makeUser()]
  const body = ids.map((id, index) => ({
    id,
    first_name: `l${index}`,
    'x, y': 1,
    ...(index === 1 ? { nickname: 1 } : {}),
  }))
  for (const query of ['', '?atomic=false']) {
    t.match((await send('PATCH', `users/${query}`, { body })).text, /unknown/, 'refused without it')
    const answer = await send('PATCH', `users/${query}`, { body, ...prefer('handling=lenient') })
    t.ok(
      answer.body.results.every(({ status }: any) => status === 200),
      query,
    )
    t.strictSame(
      dropped(t, answer)?.toSorted(),
      ['/0/x, y', '/1/nickname', '/1/x, y', '/2/x, y'],
      'with the place of the update',
    )
  }
  const path = `users/${ids[0]}/`
  const operations = [
    { op: 'add', path: '/nickname', value: 'x' },
    { op: 'replace', path: '/first_name', value: 'Patched' },
    { op: 'remove', path: '/x, y' },
  ]
  t.equal((await send('PATCH', path, jsonPatch(operations))).status, 400)
  const patched = await send('PATCH', path, jsonPatch(operations, { prefer: 'handling=lenient' }))
  t.strictSame(
    [patched.status, patched.body.first_name, patched.headers['preference-applied']],
    [200, 'Patched', 'handling=lenient'],
  )
  t.strictSame(dropped(t, patched), ['/nickname', '/x, y'])
  const group = await makeGroup()
  const renamed = [
    { op: 'replace', path: '/name', value: `patched-${group}` },
    { op: 'add', path: '/users', value: [] },
  ]
  t.strictSame(
    dropped(t, await send('PATCH', `groups/${group}/`, jsonPatch(renamed, { prefer: 'handling=lenient' }))),
    ['/users'],
  )
})

t.test('odd names do not break the header', async (t) => {
  const path = `users/${await makeUser()}/`
  const names = [
    'a"b',
    'a\\b',
    'a\\',
    '"',
    'ä',
    'ключ',
    '🙂',
    'a\r\nX-Evil: 1',
    '\0',
    'a, b',
    '100%',
    '%22',
    'a~b',
    'a/b',
    '',
    ' ',
    '__proto__',
    'constructor',
    '\u007f',
    '\u0085',
  ]
  for (const name of names) {
    const answer = await send('PATCH', path, {
      rawBody: `{${JSON.stringify(name)}: 1}`,
      headers: { 'content-type': 'application/json', prefer: 'handling=lenient' },
    })
    t.equal(answer.status, 200, JSON.stringify(name))
    t.equal(answer.headers['x-evil'], undefined)
    t.strictSame(
      dropped(t, answer),
      [`/${name.replaceAll('~', '~0').replaceAll('/', '~1')}`],
      JSON.stringify(name),
    )
  }
  for (const name of ['\\ud800', '\\udc00x', `${'a'.repeat(99)}\\ud83d\\ude42`]) {
    const answer = await send('PATCH', path, {
      rawBody: `{"${name}": 1}`,
      headers: { 'content-type': 'application/json', prefer: 'handling=lenient' },
    })
    t.equal(answer.status, 200, name)
    t.equal(dropped(t, answer)?.length, 1, 'a lone surrogate, or half of a pair')
  }
})

// Node.js reads 16 KiB of headers, nginx 4 or 8: more, and the client never learns that its change was made.
t.test('many and long names leave headers that a client can read', async (t) => {
  const lenient = prefer('handling=lenient')
  const path = `users/${await makeUser()}/`
  const ids = await Promise.all(Array.from({ length: 1_000 }, () => makeUser()))
  const long = Object.fromEntries(
    Array.from({ length: 99 }, (_, index) => [`${index}${'ж'.repeat(5_000)}`.slice(0, 2_000), 1]),
  )
  const cases: [string, string, RequestOptions][] = [
    [
      'many updates with one unknown field each',
      'users/',
      { body: ids.map((id) => ({ id, nickname: 'x' })), ...lenient },
    ],
    ['long names of other scripts', path, { body: long, ...lenient }],
    [
      'operations on long names',
      path,
      jsonPatch(
        Array.from({ length: 100 }, (_, index) => ({
          op: 'add',
          path: `/${index}${'ж'.repeat(150)}`,
          value: 1,
        })),
        { prefer: 'handling=lenient' },
      ),
    ],
  ]
  for (const [what, where, options] of cases) {
    const answer = await send('PATCH', where, options).catch((error: Error & { code?: string }) => error)
    t.notOk(answer instanceof Error && (answer.code ?? answer.message), `${what}: it is answered`)
    if (!(answer instanceof Error)) {
      t.equal(answer.status, 200, what)
      t.ok(
        String(answer.headers['dropped-fields']).length <= 4_096,
        `${what}: ${String(answer.headers['dropped-fields']).length}`,
      )
      t.ok(dropped(t, answer)!.length > 0)
    }
  }
})
