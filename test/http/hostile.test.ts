/** What no HTTP client would send: refused with a problem or a closed connection, and nothing is written. */
import net from 'node:net'
import t, { type Test } from 'tap'
import { startService } from '../helpers/service.js'

const service = await startService(t)
const { key, id } = await service.makeCaller()
const target = await service.makeUser({ first_name: 'Before' })
const { port } = new URL(service.url)

const PATH = `/admin/users/${target}/`
const BODY = '{"first_name":"After"}'
const LENGTH = `Content-Length: ${BODY.length}`
const JSON_TYPE = 'Content-Type: application/json'

/** A PATCH with these lines beside its host and credentials. */
const patch = (lines: string[], body: string, start = `PATCH ${PATH} HTTP/1.1`): string =>
  [start, 'Host: localhost', `Authorization: Bearer ${key}`, ...lines, '', body].join('\r\n')

/** What is wrong → the bytes. None of them is a request that may be carried out. */
const HOSTILE: Record<string, string | Buffer> = {
  'two media types': patch([JSON_TYPE, 'Content-Type: text/plain', LENGTH], BODY),
  'two media types, the other way round': patch(['Content-Type: text/plain', JSON_TYPE, LENGTH], BODY),
  'the same media type twice': patch([JSON_TYPE, JSON_TYPE, LENGTH], BODY),
  'a length and chunks': patch([JSON_TYPE, LENGTH, 'Transfer-Encoding: chunked'], chunk(BODY)),
  'chunks and a length': patch([JSON_TYPE, 'Transfer-Encoding: chunked', 'Content-Length: 3'], chunk(BODY)),
  'a request hidden behind a length of nothing': patch(
    [JSON_TYPE, 'Content-Length: 0', 'Transfer-Encoding: chunked'],
    chunk(patch([JSON_TYPE, LENGTH], BODY)),
  ),
  'two lengths': patch([JSON_TYPE, LENGTH, 'Content-Length: 2'], BODY),
  'a list of lengths': patch([JSON_TYPE, `Content-Length: ${BODY.length}, ${BODY.length}`], BODY),
  'a negative length': patch([JSON_TYPE, 'Content-Length: -1'], BODY),
  'a length with a sign': patch([JSON_TYPE, `Content-Length: +${BODY.length}`], BODY),
  'a length in hexadecimal': patch([JSON_TYPE, `Content-Length: 0x${BODY.length.toString(16)}`], BODY),
  'a length beyond all measure': patch([JSON_TYPE, `Content-Length: ${'9'.repeat(30)}`], BODY),
  'chunks of another kind': patch([JSON_TYPE, 'Transfer-Encoding: xchunked'], chunk(BODY)),
  'chunks that are not last': patch([JSON_TYPE, 'Transfer-Encoding: chunked, identity'], chunk(BODY)),
  'a chunk of no size': patch([JSON_TYPE, 'Transfer-Encoding: chunked'], `ZZ\r\n${BODY}\r\n0\r\n\r\n`),
  'a chunk of a negative size': patch(
    [JSON_TYPE, 'Transfer-Encoding: chunked'],
    `-1\r\n${BODY}\r\n0\r\n\r\n`,
  ),
  'a chunk beyond all measure': patch(
    [JSON_TYPE, 'Transfer-Encoding: chunked'],
    `${'F'.repeat(20)}\r\n${BODY}\r\n0\r\n\r\n`,
  ),
  'a chunk of another size than it says': patch(
    [JSON_TYPE, 'Transfer-Encoding: chunked'],
    `2\r\n${BODY}\r\n0\r\n\r\n`,
  ),
  'chunk extensions without end': patch(
    [JSON_TYPE, 'Transfer-Encoding: chunked'],
    `1;${'x'.repeat(100_000)}\r\n{\r\n`,
  ),
  'trailers without end': patch(
    [JSON_TYPE, 'Transfer-Encoding: chunked'],
    `${chunk(BODY).slice(0, -2)}x: ${'x'.repeat(100_000)}\r\n\r\n`,
  ),
  'lines that end in a bare LF': patch([JSON_TYPE, LENGTH], BODY).replaceAll('\r\n', '\n'),
  'one line that ends in a bare LF': patch([`${JSON_TYPE}\nX-Smuggled: 1`, LENGTH], BODY),
  'lines that end in a bare CR': patch([JSON_TYPE, LENGTH], BODY).replaceAll('\r\n', '\r'),
  'a bare CR inside a line': patch([`X: a\rb`, JSON_TYPE, LENGTH], BODY),
  'a NUL in a header': patch([`X: a\u0000b`, JSON_TYPE, LENGTH], BODY),
  'a folded header': patch(
    [`X: a\r\n b`, `${JSON_TYPE.replace(' ', '\r\n ')}`, 'Content-Length\r\n : 5'],
    BODY,
  ),
  'a space before the colon': patch([JSON_TYPE, LENGTH.replace(':', ' :')], BODY),
  'a line without a colon': patch([JSON_TYPE, LENGTH, 'nonsense'], BODY),
  'a header without a name': patch([JSON_TYPE, LENGTH, ': x'], BODY),
  'a name that is none': patch([JSON_TYPE, LENGTH, 'a(b): x'], BODY),
  'headers of 100 KiB': patch([JSON_TYPE, LENGTH, `X: ${'x'.repeat(100_000)}`], BODY),
  'ten thousand headers': patch(
    [JSON_TYPE, LENGTH, ...Array.from({ length: 10_000 }, (_, index) => `X-${index}: x`)],
    BODY,
  ),
  'a URL of 100 KiB': patch([JSON_TYPE, LENGTH], BODY, `PATCH ${PATH}?${'x'.repeat(100_000)} HTTP/1.1`),
  'a URL with a space': patch([JSON_TYPE, LENGTH], BODY, `PATCH ${PATH} x HTTP/1.1`),
  'a URL with a control character': patch([JSON_TYPE, LENGTH], BODY, `PATCH ${PATH}\u0001 HTTP/1.1`),
  'a URL in UTF-8': Buffer.from(patch([JSON_TYPE, LENGTH], BODY, `PATCH ${PATH}é HTTP/1.1`)),
  'a URL of another form': patch([JSON_TYPE, LENGTH], BODY, `PATCH ${PATH.slice(1)} HTTP/1.1`),
  'no URL': patch([JSON_TYPE, LENGTH], BODY, 'PATCH HTTP/1.1'),
  'a method that is none': patch([JSON_TYPE, LENGTH], BODY, `PÄTCH ${PATH} HTTP/1.1`),
  'a method in lower case': patch([JSON_TYPE, LENGTH], BODY, `patch ${PATH} HTTP/1.1`),
  'a method nobody knows': patch([JSON_TYPE, LENGTH], BODY, `FROBNICATE ${PATH} HTTP/1.1`),
  'a tunnel': patch([], '', `CONNECT localhost:5432 HTTP/1.1`),
  'a protocol that is none': patch([JSON_TYPE, LENGTH], BODY, `PATCH ${PATH} HTTP/9.9`),
  'a protocol of 1991': `GET ${PATH}\r\n\r\n`,
  'the preface of HTTP/2': 'PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n',
  'a TLS handshake': Buffer.from('16030100c8010000c40303', 'hex'),
  'a redis command': '*1\r\n$4\r\nPING\r\n',
  'random bytes': Buffer.from(Array.from({ length: 5_000 }, (_, index) => (index * 7919 + 13) % 256)),
  'two hosts': patch(['Host: localhost', JSON_TYPE, LENGTH], BODY),
  'two hosts that differ': patch([JSON_TYPE, LENGTH, 'HOST: example.com'], BODY),
  'two hosts in a request of HTTP/1.0': patch(['Host: a', JSON_TYPE, LENGTH], BODY, `PATCH ${PATH} HTTP/1.0`),
  'no host': patch([JSON_TYPE, LENGTH], BODY).replace('Host: localhost\r\n', ''),
}

/** What breaks off: nobody knows how it would have gone on. */
const BROKEN_OFF: Record<string, string> = {
  'half of a body': patch([JSON_TYPE, LENGTH], BODY.slice(0, 10)),
  'half of a chunked body': patch([JSON_TYPE, 'Transfer-Encoding: chunked'], chunk(BODY).slice(0, 12)),
  'chunks that never end': patch([JSON_TYPE, 'Transfer-Encoding: chunked'], chunk(BODY).slice(0, -5)),
  'half of the headers': patch([JSON_TYPE, LENGTH], BODY).slice(0, 60),
  'nothing at all': '',
}

for (const [name, bytes] of Object.entries({ ...HOSTILE, ...BROKEN_OFF })) {
  t.test(name, async (t) => {
    const answers = await converse(bytes, { breakOff: name in BROKEN_OFF })
    for (const { status, headers, body } of answers) {
      t.ok(status >= 400 && status < 500, `is refused: ${status}`)
      t.match(headers, /^content-type: application\/problem\+json; charset=utf-8$/im, 'with a problem')
      t.equal(JSON.parse(body || '{}').status, status)
    }
    t.ok(answers.length <= 1, 'once at most')
    await nothingWritten(t)
  })
}

t.test('what is no request does not take the answer of the one before', async (t) => {
  const good = patch([JSON_TYPE, 'Content-Length: 2'], '{}')
  for (const name of ['a length and chunks', 'random bytes', 'a method that is none']) {
    const answers = await converse(Buffer.concat([Buffer.from(good), Buffer.from(HOSTILE[name]!)]))
    t.strictSame(
      answers.map(({ status }) => status),
      [200, 400],
      name,
    )
  }
  const last = patch([JSON_TYPE, 'Content-Length: 2', 'Connection: close'], '{}garbage')
  t.equal((await converse(last))[0]?.status, 200, 'a length cuts')
  await nothingWritten(t)
})

t.test('a media type that was sent twice', async (t) => {
  for (const name of [
    'two media types',
    'two media types, the other way round',
    'the same media type twice',
  ]) {
    const [answer] = await converse(HOSTILE[name]!)
    t.equal(answer?.status, 415, name)
    t.match(answer?.headers, /^accept-patch: application\/json,/im)
  }
})

t.test('an expectation that is none is a problem, or not minded', async (t) => {
  const [answer] = await converse(patch([JSON_TYPE, 'Content-Length: 2', 'Expect: the-unexpected'], '{}'))
  if (answer?.status !== 200)
    t.match(answer?.headers, /^content-type: application\/problem\+json/im, `${answer?.status}`)
  await nothingWritten(t)
})

t.test('connections that are torn down while they are answered', async (t) => {
  const sockets = Array.from({ length: 200 }, () => net.connect(Number(port), '127.0.0.1'))
  for (const socket of sockets) {
    socket.on('error', () => {})
    socket.write(patch([JSON_TYPE, 'Content-Length: 2'], '{}').repeat(3))
  }
  await Promise.all(
    sockets.map((socket, index) => {
      const closed = new Promise((resolve) => socket.on('close', resolve))
      setTimeout(() => socket.resetAndDestroy(), index)
      return closed
    }),
  )
  await nothingWritten(t)
})

/** The user is as before, and the next request is answered. */
async function nothingWritten(t: Test): Promise<void> {
  const { status, body } = await service.request('GET', PATH, { key })
  t.strictSame([status, body.first_name], [200, 'Before'], 'nothing is written')
  const { rows } = await service.pool.query('select count(*)::int as events from user_admin.audit_event')
  t.strictSame(rows, [{ events: 0 }])
  t.equal((await service.request('GET', `/admin/users/${id}`, { key })).status, 200, 'the service lives')
}

interface RawAnswer {
  status: number
  headers: string
  body: string
}

/** Milliseconds of silence after an answer that end a conversation. */
const QUIET = 40

/** Sends bytes, and reads until the service closes the connection or has said all. */
function converse(bytes: string | Buffer, { breakOff = false } = {}): Promise<RawAnswer[]> {
  return new Promise((resolve, reject) => {
    const socket = net.connect({ port: Number(port), host: '127.0.0.1', allowHalfOpen: breakOff })
    let received = ''
    let quiet: NodeJS.Timeout | undefined
    socket.setTimeout(10_000, () => {
      socket.destroy()
      reject(new Error(`neither answered nor closed: ${received}`))
    })
    socket.on('data', (data) => {
      received += data
      clearTimeout(quiet)
      quiet = setTimeout(() => socket.destroy(), QUIET)
    })
    // A reset is a closed connection too.
    socket.on('error', () => {})
    socket.on('close', () => resolve(answersIn(received)))
    socket.write(typeof bytes === 'string' ? Buffer.from(bytes, 'latin1') : bytes)
    if (breakOff) socket.end()
  })
}

function answersIn(received: string): RawAnswer[] {
  return received
    .split(/(?=HTTP\/1\.1 \d{3} )/)
    .filter((text) => text !== '')
    .map((text) => {
      const [headers = '', body = ''] = text.split('\r\n\r\n')
      return { status: Number(headers.slice(9, 12)), headers: headers.replaceAll('\r', ''), body }
    })
}

function chunk(body: string): string {
  return `${body.length.toString(16)}\r\n${body}\r\n0\r\n\r\n`
}
