/** Preferences (RFC 7240): how they are read, and what is answered. */
import t from 'tap'
import { measureCpu } from '../helpers/cpu-time.js'
import { type RequestOptions, startService } from '../helpers/service.js'

const settings = { PASSWORD_HASHER: 'pbkdf2_sha256', PBKDF2_ITERATIONS: '1' } as const
const service = await startService(t, settings)
const { request, makeUser, makeGroup, makePermission, makeCaller } = service
const { key } = await makeCaller({ username: 'root' })

const send = (method: string, path: string, options: RequestOptions = {}) =>
  request(method, `/admin/${path}`, { key, ...options })
const prefer = (prefer: string | string[]) => ({ headers: { prefer } })
const read = async (path: string) => (await send('GET', path)).body
const jsonPatch = (operations: unknown, more: object = {}) => ({
  rawBody: JSON.stringify(operations),
  headers: { 'content-type': 'application/json-patch+json', ...more },
})

/** What a preference of the form of the answer may be sent with: a request, and the status without any. */
async function changing(): Promise<[string, string, string, () => RequestOptions, 200 | 201 | 204][]> {
  const [group, permission] = [await makeGroup(), await makePermission()]
  const path = `users/${await makeUser()}/`
  let count = 0
  const name = () => `name-${path.split('/')[1]}-${++count}`
  const whole = { password: 'secret', groups: [] }
  const json = (make: () => unknown) => () => ({ body: make() })
  return [
    ['PATCH', 'PATCH', path, json(() => ({ first_name: name().slice(0, 30) })), 200],
    ['PATCH of nothing', 'PATCH', path, json(() => ({})), 200],
    [
      'JSON Patch',
      'PATCH',
      path,
      () => jsonPatch([{ op: 'replace', path: '/last_name', value: name() }]),
      200,
    ],
    ['PUT', 'PUT', path, json(() => ({ ...whole, username: name() })), 200],
    ['POST', 'POST', 'users/', json(() => ({ ...whole, username: name() })), 201],
    ['a group given', 'PUT', `${path}groups/${group}/`, () => ({}), 204],
    ['a group taken', 'DELETE', `${path}groups/${group}/`, () => ({}), 204],
    ['a permission given', 'PUT', `${path}permissions/${permission}/`, () => ({}), 204],
    ['a permission taken', 'DELETE', `${path}permissions/${permission}/`, () => ({}), 204],
    ['PATCH of a group', 'PATCH', `groups/${group}/`, json(() => ({ name: name() })), 200],
    ['PUT of a group', 'PUT', `groups/${group}/`, json(() => ({ name: name() })), 200],
    ['POST of a group', 'POST', 'groups/', json(() => ({ name: name(), permissions: [] })), 201],
  ]
}

t.test('return=minimal and return=representation', async (t) => {
  for (const [what, method, path, options, fallback] of await changing()) {
    const ask = async (preference?: string) => {
      const made = options()
      const headers = { ...made.headers, ...(preference === undefined ? {} : { prefer: preference }) }
      const answer = await send(method, path, { ...made, headers })
      const url =
        answer.headers.location?.slice('/admin/'.length) ?? `${path.split('/').slice(0, 2).join('/')}/`
      const now = await send('GET', url)
      t.equal(answer.headers.etag, now.headers.etag, `${what}: the tag is there in any case`)
      t.match(answer.headers.vary, /(?:^|,\s*)prefer\b/i, `${what}: Vary`)
      return { ...answer, now: now.body, applied: answer.headers['preference-applied'] }
    }
    const minimal = await ask('return=minimal')
    t.strictSame(
      [minimal.status, minimal.text, minimal.headers['content-type'], minimal.applied],
      [fallback === 201 ? 201 : 204, '', undefined, 'return=minimal'],
      what,
    )
    const whole = await ask('return=representation')
    t.strictSame(
      [whole.status, whole.body, whole.applied],
      [fallback === 201 ? 201 : 200, whole.now, 'return=representation'],
      what,
    )
    const plain = await ask()
    t.strictSame([plain.status, plain.applied], [fallback, undefined], `${what}, with no preference`)
    t.strictSame(plain.body, fallback === 204 ? undefined : plain.now)
    for (const other of [
      'return',
      'return=',
      'return=""',
      'return=everything',
      'returns=minimal',
      'respond-async',
    ])
      t.strictSame(
        [(await ask(other)).status, (await ask(other)).applied],
        [fallback, undefined],
        `${what} ${other}`,
      )
  }
})

t.test('a refusal is told whole, whatever is preferred', async (t) => {
  const id = await makeUser()
  const { status, body, headers } = await send('PATCH', `users/${id}/`, {
    body: { email: 'x' },
    ...prefer('return=minimal'),
  })
  t.strictSame([status, body.code], [400, 'invalid'])
  t.equal(headers['preference-applied'], undefined)
})

t.test('bulk', async (t) => {
  const ids = [await makeUser(), await makeUser()]
  const body = [
    { id: ids[0], first_name: 'x' },
    { id: ids[1], email: 'x' },
  ]
  const good = body.slice(0, 1)
  for (const [query, sent] of [
    ['', good],
    ['?atomic=false', body],
  ] as const) {
    const minimal = await send('PATCH', `users/${query}`, { body: sent, ...prefer('return=minimal') })
    t.equal(minimal.headers['preference-applied'], 'return=minimal')
    t.match(minimal.headers.vary, /prefer/i)
    const [result, refused] = minimal.body.results
    t.strictSame(Object.keys(result).toSorted(), ['etag', 'id', 'status'], 'no user')
    if (refused) t.equal(refused.problem.code, 'invalid', 'a refusal is told')
    for (const preference of ['return=representation', 'x']) {
      const whole = await send('PATCH', `users/${query}`, { body: sent, ...prefer(preference) })
      t.strictSame(whole.body.results[0].user, await read(`users/${ids[0]}/`))
      t.equal(whole.headers['preference-applied'], preference === 'x' ? undefined : preference)
      t.match(whole.headers.vary, /prefer/i)
    }
  }
})

t.test('how preferences are read', async (t) => {
  const path = `users/${await makeUser()}/`
  const none = undefined
  const cases: [string | string[], string | undefined][] = [
    ['return=minimal', 'minimal'],
    ['Return=Minimal', 'minimal'],
    ['RETURN="minimal"', 'minimal'],
    ['return = minimal', 'minimal'],
    ['return = "minimal"', 'minimal'],
    [' ,, return=minimal ,', 'minimal'],
    ['return=minimal; foo="some, parameter"', 'minimal'],
    ['return=minimal;foo', 'minimal'],
    ['respond-async, wait=100, return=minimal', 'minimal'],
    ['respond-async,return=minimal,wait=100', 'minimal'],
    ['foo="a, return=representation", return=minimal', 'minimal'],
    ['foo="a \\", return=representation", return=minimal', 'minimal'],
    ['return=minimal, return=representation', 'minimal'],
    ['return=representation, return=minimal', 'representation'],
    ['return=everything, return=minimal', none],
    [['return=minimal', 'return=representation'], 'minimal'],
    [['respond-async', 'return=minimal'], 'minimal'],
    [['handling=strict', 'return=representation'], 'representation'],
    // What stands in the text of a parameter is no preference (RFC 7240 §2).
    ['foo; bar="x, return=minimal"', none],
    ['foo; bar=", return=minimal, "', none],
    ['foo; return=minimal', none],
    ['foo=1; return=minimal, return=representation', 'representation'],
    ['xreturn=minimal', none],
    ['foo="return=minimal"', none],
    ['return minimal', none],
    ['"return=minimal"', none],
    ['return="minimal', none],
    ['=minimal', none],
    [';;;', none],
    ['', none],
    ['\u00e9\u00ff', none],
  ]
  for (const [preference, applied] of cases) {
    const { status, headers } = await send('PATCH', path, { body: {}, ...prefer(preference) })
    t.strictSame(
      [status, headers['preference-applied']],
      [applied === 'minimal' ? 204 : 200, applied && `return=${applied}`],
      JSON.stringify(preference),
    )
  }
  const lists = [
    'handling="lenient"',
    'Handling=LENIENT',
    'handling=lenient, handling=strict',
    'foo="a,b";c=d, handling=lenient;x',
  ]
  for (const preference of lists)
    t.equal((await send('PATCH', path, { body: { x: 1 }, ...prefer(preference) })).status, 200, preference)
  for (const preference of [
    'handling=strict, handling=lenient',
    'handling',
    'lenient',
    'handling=strict',
    'x="handling=lenient"',
  ])
    t.equal((await send('PATCH', path, { body: { x: 1 }, ...prefer(preference) })).status, 400, preference)
})

t.test('a long header is read quickly', async (t) => {
  const path = `users/${await makeUser()}/`
  const fill = (text: string) => text.repeat(Math.ceil(10_000 / text.length)).slice(0, 10_000)
  const pieces = [
    ',',
    ' ',
    'a',
    'a=',
    'a="',
    '"',
    '\\"',
    'a="\\',
    ', a = ',
    ',a="b',
    '=',
    ';',
    'a;b="',
    ' \t',
    ',\t',
  ]
  for (const piece of pieces) {
    for (const header of [fill(piece), `a${fill(piece)}`, `a="${fill(piece)}`]) {
      const { cpuMs } = await measureCpu(() => send('PATCH', path, { body: {}, ...prefer(header) }))
      t.ok(cpuMs < 200, `${JSON.stringify(piece)}: ${cpuMs.toFixed()} ms of CPU`)
    }
  }
  // Once for a request, however many updates it has.
  const ids = await Promise.all(Array.from({ length: 50 }, () => makeUser()))
  const body = ids.map((id) => ({ id }))
  const bulk = () => send('PATCH', 'users/', { body, ...prefer(fill('\\"')) })
  const { result, cpuMs } = await measureCpu(bulk)
  t.equal(result.status, 200)
  t.ok(cpuMs < 1_000, `bulk: ${cpuMs.toFixed()} ms of CPU`)
})
