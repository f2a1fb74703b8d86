// What differs between two answers, and which of it is wanted.
import { readFile } from 'node:fs/promises'
import t from 'tap'
import { type Exchange, RECORD, ROWS } from '../../src/cli/compare/departures.js'
import { type Difference, differencesIn } from '../../src/cli/compare/differences.js'
import type { Answer } from '../../src/cli/compare/exchange.js'
import { unchangedFields } from '../../src/cli/compare/requests.js'

const json = (status: number, body: unknown): Answer => ({ status, kind: 'json', body })
const html = (status: number, location?: string): Answer => ({
  status,
  kind: 'html',
  ...(location && { location }),
})
const problem = (status: number, code: string, members: object = {}): Answer =>
  json(status, { type: '/x', title: 'X', status, code, request_id: '1', ...members })
const invalid = (...faults: [pointer: string, code: string][]): Answer =>
  problem(400, 'invalid', {
    errors: faults.map(([pointer, code]) => ({ pointer, code, detail: 'It is wrong.' })),
    ...Object.fromEntries(faults.map(([pointer]) => [pointer.split('/')[1], ['It is wrong.']])),
  })

function found(django: Answer, service: Answer, request: Partial<Exchange['request']> = {}): Difference[] {
  return differencesIn({
    request: { name: '', method: 'PATCH', path: '/users/7/', ...request },
    django,
    service,
  })
}
/** How two answers with one value in them are judged. */
const judged = (name: string, django: unknown, service: unknown): string =>
  found(json(200, { [name]: django }), json(200, { [name]: service }))
    .map(({ kind, at }) => `${kind} ${at}`)
    .join()

t.test('every row that may be named is written down', async (t) => {
  const text = await readFile(new URL(`../../docs/decisions/${RECORD}`, import.meta.url), 'utf8')
  for (const row of ROWS) t.ok(text.includes(`\n| ${row} `), row)
})

t.test('values', async (t) => {
  const cases: [name: string, django: unknown, service: unknown, verdict: string][] = [
    ['email', 'a@example.com', 'a@example.com', ''],
    ['email', 'a@example.com', 'b@example.com', 'different /email'],
    ['email', 'A@EXAMPLE.com', 'A@example.com', 'known /email'],
    ['email', 'A@EXAMPLE.com', 'a@example.com', 'different /email'],
    ['username', 'ﬁn', 'fin', 'known /username'],
    ['first_name', 'ﬁn', 'fin', 'different /first_name'],
    ['is_staff', true, 1, 'different /is_staff'],
    ['last_login', '2024-02-29T08:30:00.5+00:00', '2024-02-29T08:30:00.500000Z', 'format /last_login'],
    ['last_login', '2024-02-29T09:30:00+01:00', '2024-02-29T08:30:00Z', 'format /last_login'],
    ['last_login', '2024-02-29T08:30:00.123Z', '2024-02-29T08:30:00.123456Z', 'different /last_login'],
    ['last_login', '29.02.2024 08:30', '2024-02-29T08:30:00Z', 'different /last_login'],
    ['last_login', null, '2024-02-29T08:30:00Z', 'different /last_login'],
    ['user_permissions', [2, 1], [1, 2], 'known /user_permissions'],
    ['groups', [2, 1], [1, 2], 'format /groups'],
    ['groups', [2, 1], [1, 3], 'different /groups'],
    ['groups', [1, 1], [1, 2], 'different /groups'],
    ['groups', [1], [1, 2], 'different /groups'],
    ['nickname', undefined, 'x', 'known /nickname'],
    ['nickname', 'x', undefined, 'different /nickname'],
    ['a/b~c', 1, 2, 'different /a~1b~0c'],
    ['password', 'argon2$argon2id$v=19$x', 'argon2$********', 'known /password'],
    ['password', 'pbkdf2_sha256$1$x$x', 'argon2$********', 'different /password'],
    ['password', '!abc', '!', 'known /password'],
  ]
  for (const [name, django, service, verdict] of cases)
    t.equal(judged(name, django, service), verdict, `${name}: ${JSON.stringify([django, service])}`)
  t.match(found(json(200, []), json(200, {})), [{ kind: 'different', at: '' }])
  t.match(found({ status: 204, kind: 'empty' }, json(204, {})), [
    { at: 'body', django: 'empty', service: 'json' },
  ])
})

t.test('items of a page are told one by one', async (t) => {
  const page = (...emails: string[]) => json(200, { results: emails.map((email) => ({ email })) })
  t.strictSame(found(page('a', 'b'), page('a', 'c')), [
    { kind: 'different', at: '/results/1/email', django: 'b', service: 'c' },
  ])
  t.match(found(page('a'), page('a', 'b')), [{ at: '/results' }])
})

t.test('no secret is told, wherever it stands', async (t) => {
  const secret = 'pbkdf2_sha256$260000$canary'
  const bodies: [unknown, unknown][] = [
    [{ password: secret }, { password: 'argon2$********' }],
    [{ password: { hash: secret } }, {}],
    [{ password: [secret] }, { password: null }],
    [{ results: [{ password: secret }] }, { results: [] }],
    [{ auth_token: secret, oldPassword: secret }, {}],
    [[{ password: secret }], 1],
  ]
  for (const [django, service] of bodies) {
    for (const differences of [
      found(json(200, django), json(200, service)),
      found(json(200, service), json(200, django)),
    ]) {
      t.not(differences.length, 0)
      t.notMatch(JSON.stringify(differences), 'canary')
    }
  }
  t.match(found(json(200, { password: secret }), json(200, {})), [{ django: '(hidden)', service: undefined }])
})

t.test('refusals: the names of fields count, and a detail; messages do not', async (t) => {
  const theirs = json(400, { email: ['Enter a valid email address.'] })
  t.strictSame(found(theirs, invalid(['/email', 'invalid'])), [])
  t.match(found(theirs, invalid(['/email', 'invalid'], ['/groups/0', 'does_not_exist'])), [
    { kind: 'different', at: '/groups', django: 'allowed', service: 'refused', why: 'It is wrong.' },
  ])
  t.match(found(theirs, invalid(['/email', 'invalid'], ['/nickname', 'unknown'])), [
    { kind: 'known', at: '/nickname', rows: ['Unknown fields are ignored'] },
  ])
  t.match(found(theirs, invalid(['/username', 'unique'])), [
    { kind: 'different', at: '/email', django: 'refused', service: 'allowed' },
    { kind: 'different', at: '/username' },
  ])
  const told = json(404, { detail: 'Not found.' })
  t.strictSame(found(told, problem(404, 'not_found', { detail: 'There is nothing.' })), [])
  t.match(found(told, html(404)), [{ kind: 'different', at: '/detail' }])
  t.strictSame(
    found(html(404), problem(404, 'not_found', { detail: 'Not found.' })),
    [],
    'a client reads no HTML',
  )
})

t.test('statuses that differ as a row says', async (t) => {
  const done = json(200, {})
  const path = (text: string) => ({ path: text })
  const headers = (name: string, value: string) => ({ headers: new Headers({ [name]: value }) })
  const type = (text: string) => headers('content-type', text)
  const cases: [row: string, Answer, Answer, Partial<Exchange['request']>?][] = [
    ['Unknown fields', done, invalid(['/nickname', 'unknown'])],
    ['`"yes"`', done, invalid(['/is_staff', 'invalid_type']), { body: '{"is_staff": "true"}' }],
    ['`"yes"`', done, invalid(['/groups/0', 'invalid_type']), { body: '{"groups": ["1"]}' }],
    ['`{"groups": {}}`', done, invalid(['/groups', 'not_a_list']), { body: '{"groups": {}}' }],
    ['`[1, 1]`', done, invalid(['/groups', 'duplicate'])],
    ['An `id` of another', done, invalid(['/id', 'mismatch'])],
    ['A stored hash', done, invalid(['/password', 'stored_hash'])],
    ['Times without', done, invalid(['/last_login', 'invalid'])],
    ['A URL without', html(301, '/users/7/'), done, path('/users/7')],
    ['The ids', done, problem(404, 'not_found'), path('/users/%206/')],
    ['PATCH of a list', json(405, {}), done, path('/users/')],
    ['JSON Patch', json(415, {}), done, type('application/json-patch+json')],
    ['Forms', done, problem(415, 'unsupported_media_type'), type('multipart/form-data; boundary=x')],
    ['Latin-1', done, problem(415, 'unsupported_media_type'), type('application/json; charset=latin-1')],
    [
      'A compressed',
      json(400, {}),
      problem(415, 'unsupported_media_type'),
      headers('content-encoding', 'gzip'),
    ],
    ['A body of 1 MB', done, problem(413, 'payload_too_large')],
    ['Of a repeated', done, problem(400, 'parse_error')],
    ['`1e400`', html(500), problem(400, 'parse_error')],
    ['404 for', json(404, {}), invalid(['/email', 'invalid'])],
    ['Unknown query', done, problem(400, 'invalid', { detail: 'x' }), path('/users/?a=1')],
    ['Any staff', done, problem(403, 'permission_denied'), { method: 'GET' }],
    [
      '`change_user`',
      done,
      problem(403, 'permission_denied', { errors: [{ pointer: '/is_staff', detail: 'x' }] }),
    ],
    ['The last superuser', done, problem(409, 'last_superuser')],
    ['`If-Match`', done, problem(412, 'precondition_failed')],
    ['401 or 403', json(403, {}), problem(405, 'method_not_allowed')],
    [
      'Permissions can',
      json(201, {}),
      problem(405, 'method_not_allowed'),
      { method: 'POST', path: '/permissions/' },
    ],
    ['`OPTIONS`', done, { status: 204, kind: 'empty' }, { method: 'OPTIONS' }],
    ['Deleting', { status: 204, kind: 'empty' }, problem(409, 'in_use'), { method: 'DELETE' }],
  ]
  for (const [row, django, service, request] of cases) {
    const [difference] = found(django, service, request)
    t.match(difference, { kind: 'known', at: 'status' }, row)
    t.ok(difference?.rows?.[0]?.startsWith(row), `${row}: ${difference?.rows}`)
  }
})

t.test('statuses that nobody wanted to differ', async (t) => {
  const done = json(200, {})
  const cases: [Answer, Answer, Partial<Exchange['request']>?][] = [
    [done, invalid(['/first_name', 'max_length'])],
    [done, invalid(['/nickname', 'unknown'], ['/email', 'invalid'])],
    [done, problem(403, 'permission_denied', { missing_permissions: ['auth.change_user'] })],
    [done, problem(404, 'not_found')],
    [done, invalid(['/is_staff', 'invalid_type']), { body: '{"is_staff": {}}' }],
    [done, invalid(['/groups', 'not_a_list']), { body: '{"groups": "none"}' }],
    [done, invalid(['/is_staff', 'invalid_type']), { body: '{' }],
    [done, problem(500, 'internal_error')],
    [invalid(['/email', 'invalid']), done],
    [json(403, { detail: 'No.' }), problem(401, 'not_authenticated')],
    [html(301, '/users/7/'), done],
    [done, problem(404, 'not_found'), { path: '/users/7' }],
  ]
  for (const [django, service, request] of cases)
    t.match(
      found(django, service, request),
      [{ kind: 'different', at: 'status' }],
      JSON.stringify([django, service]),
    )
  t.match(found(done, invalid(['/first_name', 'max_length'])), [{ why: '/first_name It is wrong.' }])
})

t.test('PUT: what is absent may differ', async (t) => {
  const put = (body: object) =>
    found(json(200, { email: 'a' }), json(200, { email: '' }), { method: 'PUT', body: JSON.stringify(body) })
  t.match(put({ username: 'ada' }), [{ kind: 'known', rows: ['PUT leaves what is absent'] }])
  t.match(put({ email: 'a' }), [{ kind: 'different' }])
})

t.test('what is sent back changes nothing', async (t) => {
  const service = {
    id: 7,
    password: 'argon2$********',
    username: 'ﬁn',
    first_name: ' Ada',
    last_name: 'Lovelace',
    last_login: null,
    date_joined: '2024-02-29T08:30:00.123456Z',
    is_staff: false,
    groups: [1, 2],
    email: 'ada@example.com',
  }
  const django = {
    ...service,
    password: 'argon2$x',
    date_joined: '2024-02-29T08:30:00Z',
    groups: [2, 1],
    email: undefined,
  }
  const { last_name, last_login, is_staff, groups } = service
  t.strictSame(unchangedFields(django, service), { last_name, last_login, is_staff, groups })
})
