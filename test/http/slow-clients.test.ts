/** Clients that send slowly, or nothing more: they are told so, their connection ends, and nothing is written. */
import net from 'node:net'
import t, { type Test } from 'tap'
import { startService } from '../helpers/service.js'

const service = await startService(t)
const { key } = await service.makeCaller()
const target = await service.makeUser({ first_name: 'Before' })
const { server } = service.app
const { port } = new URL(service.url)

const PATH = `/admin/users/${target}/`
const BODY = '{"first_name":"After"}'
const head = (...lines: string[]): string =>
  [
    `PATCH ${PATH} HTTP/1.1`,
    'Host: localhost',
    `Authorization: Bearer ${key}`,
    'Content-Type: application/json',
    ...lines,
    '',
    '',
  ].join('\r\n')

/** Milliseconds between two bytes: each of them is progress. */
const DRIP = 50

t.test('what is promised', (t) => {
  t.equal(server.headersTimeout, 15_000)
  t.equal(server.requestTimeout, 30_000)
  t.equal(server.keepAliveTimeout, 72_000)
  t.end()
})

t.test('slow requests', { timeout: 60_000 }, async (t) => {
  // Shorter than any service has them: how long nobody needs to see.
  server.headersTimeout = 500
  server.requestTimeout = 1_000
  const length = `Content-Length: ${BODY.length * 1_000}`
  const slow: Record<string, [sent: string, drip: string]> = {
    'headers byte by byte': [`PATCH ${PATH} HTTP/1.1\r\nHost: localhost\r\nX: `, 'x'],
    'one header after the other': [`PATCH ${PATH} HTTP/1.1\r\nHost: localhost\r\n`, 'X: x\r\n'],
    'headers that stop': [`PATCH ${PATH} HTTP/1.1\r\nHost: loc`, ''],
    'a body byte by byte': [`${head(length)}${BODY}`, ' '],
    'a body that stops': [`${head(length)}${BODY}`, ''],
    'chunks byte by byte': [
      `${head('Transfer-Encoding: chunked')}${BODY.length.toString(16)}\r\n${BODY}\r\n`,
      '1\r\n \r\n',
    ],
    'chunks that stop': [
      `${head('Transfer-Encoding: chunked')}${BODY.length.toString(16)}\r\n${BODY}\r\n`,
      '',
    ],
    'nothing at all': ['', ''],
  }
  // All at once: each waits for the next look at all connections.
  const answers = await Promise.all(
    Object.entries(slow).map(async ([name, [sent, drip]]) => [name, await sendSlowly(sent, drip)] as const),
  )
  for (const [name, received] of answers) {
    t.match(received, /^HTTP\/1\.1 408 /, `${name}: is told so, and the connection ended`)
    t.match(received, /^content-type: application\/problem\+json; charset=utf-8\r$/im)
    t.equal(received.match(/HTTP\/1\.1 /g)?.length, 1, 'once')
  }
  await nothingWritten(t)
})

/** The user is as before, and the next request is answered. */
async function nothingWritten(t: Test): Promise<void> {
  const { status, body } = await service.request('GET', PATH, { key })
  t.strictSame([status, body.first_name], [200, 'Before'], 'nothing is written')
}

/** @returns all that was answered until the service ended the connection */
function sendSlowly(sent: string, drip: string): Promise<string> {
  return new Promise((resolve, reject) => {
    const socket = net.connect(Number(port), '127.0.0.1')
    let received = ''
    const giveUp = setTimeout(() => {
      socket.destroy()
      reject(new Error(`goes on for ever: ${received}`))
    }, 40_000)
    const dripping = setInterval(() => {
      if (drip !== '' && socket.writable) socket.write(drip)
    }, DRIP)
    socket.on('data', (data) => (received += String(data)))
    // A reset is a closed connection too.
    socket.on('error', () => {})
    socket.on('close', () => {
      clearTimeout(giveUp)
      clearInterval(dripping)
      resolve(received)
    })
    socket.write(sent)
  })
}
