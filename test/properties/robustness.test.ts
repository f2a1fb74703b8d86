/** Nothing that can be sent makes the service fail: no answer is ever 5xx, and the service lives. */
import fc, { type Arbitrary } from 'fast-check'
import t from 'tap'
import { CONTRACT_DEFAULTS, makeUserUpdate } from '../../schemas/index.js'
import { startService } from '../helpers/service.js'
import { anyText } from './arbitraries.js'
import { check } from './check.js'

const service = await startService(t, { PASSWORD_HASHER: 'pbkdf2_sha256', PBKDF2_ITERATIONS: '1' })
const { key, id: caller } = await service.makeCaller()
const target = await service.makeUser()
const path = `/admin/users/${target}/`
const json = { 'content-type': 'application/json' }

const fields = Object.keys(makeUserUpdate(CONTRACT_DEFAULTS).properties)
const name = fc.oneof(
  { weight: 6, arbitrary: fc.constantFrom(...fields) },
  { weight: 1, arbitrary: fc.string() },
  { weight: 1, arbitrary: fc.constant('__proto__') },
)
const text = fc.oneof(
  anyText(200),
  fc.constantFrom('\u0000', '\ud800', 'infinity', '!', 'argon2$********', '9'.repeat(50), '1e400'),
)
const number = fc.oneof(
  fc.integer(),
  fc.maxSafeInteger(),
  fc.double({ noNaN: true, noDefaultInfinity: true }),
)
const value: Arbitrary<unknown> = fc.letrec((tie) => ({
  any: fc.oneof(
    { maxDepth: 4 },
    text,
    number,
    fc.boolean(),
    fc.constant(null),
    fc.array(tie('any'), { maxLength: 5 }),
    fc.dictionary(name, tie('any'), { maxKeys: 5 }),
  ),
})).any

const bodies: Arbitrary<string | Buffer> = fc.oneof(
  { weight: 6, arbitrary: fc.dictionary(name, value, { maxKeys: 13 }).map((body) => JSON.stringify(body)) },
  { weight: 2, arbitrary: value.map((body) => JSON.stringify(body)) },
  { weight: 1, arbitrary: fc.uint8Array({ maxLength: 200 }).map((bytes) => Buffer.from(bytes)) },
  {
    weight: 1,
    arbitrary: fc.tuple(fc.json(), fc.nat()).map(([body, place]) => body.slice(0, place % (body.length + 1))),
  },
)

t.test('bodies', async () => {
  const property = fc.asyncProperty(
    bodies,
    fc.constantFrom('', 'handling=lenient'),
    async (rawBody, prefer) => {
      const { status, text } = await service.request('PATCH', path, {
        key,
        rawBody,
        headers: { ...json, prefer },
      })
      if (![200, 400].includes(status)) throw new Error(`${status} ${text}`)
    },
  )
  await check(property, 200)
})

t.test('headers', async () => {
  const word = fc.constantFrom(
    'application/json',
    'charset=',
    'utf-8',
    '"',
    ';',
    ',',
    'q=',
    '0',
    '1.',
    '*/*',
    'Bearer',
    'Token',
    'gzip',
    'identity',
    '100-continue',
    'handling=lenient',
    'uak_',
    '\t',
    ' ',
    '=',
    '\u00ff',
    'bytes=0-',
    '*',
  )
  const latin1 = fc.array(
    fc.integer({ min: 0x20, max: 0xff }).filter((code) => code !== 0x7f),
    { maxLength: 50 },
  )
  const content = fc.oneof(
    fc.array(word, { maxLength: 8 }).map((words) => words.join('')),
    latin1.map((codes) => String.fromCharCode(...codes)),
  )
  const header = fc.constantFrom(
    'content-type',
    'accept',
    'authorization',
    'prefer',
    'content-encoding',
    'accept-encoding',
    'if-match',
    'if-none-match',
    'range',
    'expect',
    'x-request-id',
    'accept-charset',
    'accept-language',
    'cookie',
    'origin',
    'referer',
    'user-agent',
    'x-forwarded-for',
    'x-http-method-override',
    'traceparent',
    'host',
    'date',
    'te',
    'via',
    'request-id',
    'accept-version',
    '__proto__',
    'constructor',
  )
  const headers = fc.dictionary(header, content, { maxKeys: 5, noNullPrototype: true })
  const property = fc.asyncProperty(
    headers,
    fc.constantFrom('GET', 'PATCH', 'OPTIONS', 'DELETE'),
    async (headers, method) => {
      const { status, text } = await service.request(method, path, {
        key,
        body: { first_name: 'Ada' },
        headers,
      })
      if (status >= 500) throw new Error(`${status} ${text}`)
    },
  )
  await check(property, 200)
})

t.test('paths', async () => {
  const piece = fc.oneof(
    fc.constantFrom(
      '/',
      '/admin',
      '/users',
      `/${target}`,
      '/problems',
      '/healthz',
      '/docs',
      '/openapi.json',
      '/static',
      '..',
      '.',
      '%',
      '%00',
      '%2e',
      '%2f',
      '%ff',
      '?',
      '&',
      '=',
      '#',
      ';',
      ':id',
      '*',
      'format',
      'json',
      '[]',
      '\\',
      '//',
    ),
    fc
      .array(fc.integer({ min: 0x21, max: 0xff }), { maxLength: 20 })
      .map((codes) => String.fromCharCode(...codes)),
    fc.nat().map(String),
  )
  const url = fc.array(piece, { maxLength: 8 }).map((pieces) => `/${pieces.join('')}`)
  const prefixed = fc.oneof(
    url,
    url.map((rest) => `/admin/users${rest}`),
    url.map((rest) => `/admin/users/${target}${rest}`),
  )
  const method = fc.constantFrom(
    'GET',
    'HEAD',
    'PATCH',
    'OPTIONS',
    'DELETE',
    'POST',
    'PUT',
    'TRACE',
    'PROPFIND',
  )
  const property = fc.asyncProperty(prefixed, method, async (url, method) => {
    // Bytes past ASCII are no HTTP at all: whoever refuses them can't know that the method was HEAD.
    fc.pre(method !== 'HEAD' || /^[\x21-\x7e]*$/.test(url))
    const { status, text } = await service.request(method, url, { key })
    if (status >= 500) throw new Error(`${status} ${text}`)
  })
  await check(property, 200)
})

t.test('the service lives, and nobody else was written', async (t) => {
  const { status, body } = await service.request('GET', `/admin/users/${caller}/`, { key })
  t.strictSame([status, body.is_superuser, body.is_active], [200, true, true])
  const { rows } = await service.pool.query(
    'select count(*)::int as count from user_admin.audit_event where target_id <> $1',
    [target],
  )
  t.strictSame(rows, [{ count: 0 }])
})
