/** Clients that go before they are answered, send half, send slowly, or fall silent: a change is made whole or not at all. */
import { readFileSync } from 'node:fs'
import { connect, type Socket } from 'node:net'
import { setTimeout as sleep } from 'node:timers/promises'
import t from 'tap'
import { until } from '../helpers/until.js'
import { tellFigure } from './figures.js'
import type { Operation } from './history.js'
import { clock, setOf } from './load.js'
import { countAnswers, number, seconds } from './measures.js'
import { startWorld, underLoad } from './world.js'

const ROUNDS = 100
/** The service ends requests that don't arrive within 30 s, and looks every 5 s. */
const SILENCE_MS = 45_000

const world = await startWorld(t)
const { port } = new URL(world.services[0]!.url)
const ports = new Set<number>()
let names = 0

/** A client's connection, which nothing is awaited of but its end. */
interface Client {
  socket: Socket
  /** What it got. */
  answer(): string
  closed: Promise<void>
}

function open(): Client {
  const socket = connect(Number(port), '127.0.0.1')
  let answer = ''
  socket.on('connect', () => ports.add(socket.localPort!))
  socket.on('data', (chunk: Buffer) => (answer += chunk.toString()))
  socket.on('error', () => {})
  const closed = new Promise<void>((resolve) => socket.on('close', () => resolve()))
  return { socket, answer: () => answer, closed }
}

/** Sends a PATCH in some way. @param way returns what it is held to: that it took effect, that it did not, or neither */
async function patch(way: (client: Client, request: string) => Promise<Operation['outcome']>): Promise<void> {
  const name = `raw-${++names}`
  const state = { name, groups: setOf(name, world.groups) }
  const user = world.users[names % world.users.length]!
  const body = JSON.stringify({ last_name: state.name, groups: state.groups })
  const client = open()
  const began = clock()
  const outcome = await way(
    client,
    `PATCH /admin/users/${user}/ HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer ${world.key}\r\n` +
      `Content-Type: application/json\r\nContent-Length: ${body.length}\r\n\r\n${body}`,
  )
  world.operations.push({ kind: 'write', user, began, ended: clock(), outcome, state })
  client.socket.destroy()
}

/** All but the end of the body. */
const most = (request: string): string => request.slice(0, -8)
/** Not even its headers. */
const half = (request: string): string => request.slice(0, request.indexOf('Content-Type') + 5)

const send = ({ socket }: Client, text: string): Promise<void> =>
  new Promise((resolve) => socket.write(text, () => resolve()))

const WAYS = {
  async 'go once it is sent'(client: Client, request: string) {
    await send(client, request)
    await sleep(Math.random() * 8)
    return 'unknown' as const
  },
  async 'send most of it, and go'(client: Client, request: string) {
    await send(client, most(request))
    return 'not done' as const
  },
  async 'send half, and end'(client: Client, request: string) {
    client.socket.end(half(request))
    await client.closed
    return 'not done' as const
  },
} satisfies Record<string, Parameters<typeof patch>[0]>

async function slowly(client: Client, request: string) {
  const size = Math.ceil(request.length / 40)
  for (let at = 0; at < request.length; at += size) {
    await send(client, request.slice(at, at + size))
    await sleep(100)
  }
  await until(() => client.answer())
  return client.answer().startsWith('HTTP/1.1 200 ') ? ('done' as const) : ('unknown' as const)
}

let longestSilence = 0
const silently = (cut: typeof half) => async (client: Client, request: string) => {
  const began = clock()
  await send(client, cut(request))
  await Promise.race([client.closed, sleep(SILENCE_MS + 5_000, undefined, { ref: false })])
  longestSilence = Math.max(longestSilence, clock() - began)
  return 'not done' as const
}

/** Connections of these clients that the service still has (Linux). */
function countLeft(): number {
  const lines = readFileSync('/proc/net/tcp', 'utf8').split('\n').slice(1)
  const portIn = (address = '') => Number.parseInt(address.split(':')[1] ?? '', 16)
  return lines.filter((line) => {
    const [, local, remote, state = ''] = line.trim().split(/\s+/)
    // Established, or ended by the client alone.
    return portIn(local) === Number(port) && ports.has(portIn(remote)) && ['01', '08'].includes(state)
  }).length
}

t.test('clients misbehave', async (t) => {
  const before = names
  const { answers, normal } = await underLoad(t, world, async () => {
    const silent = Array.from({ length: 20 }, (_, index) => patch(silently(index % 2 ? half : most)))
    const slow = Array.from({ length: 10 }, () => patch(slowly))
    for (let round = 0; round < ROUNDS; round++) await Promise.all(Object.values(WAYS).map(patch))
    await Promise.all([...slow, ...silent])
    await until(() => countLeft() === 0)
  })
  t.ok(
    answers.every(({ status }) => status === 200),
    'all others are answered with 200',
  )
  const own = world.operations.filter(({ state }) => state?.name.startsWith('raw-'))
  t.equal(
    own.filter(({ kind, outcome }) => kind === 'write' && outcome === 'done').length,
    10,
    'slow ones too',
  )
  t.ok(longestSilence < SILENCE_MS, `who was silent was ended after ${longestSilence.toFixed()} ms`)
  tellFigure(t, {
    chapter: 'clients',
    fault:
      `${ROUNDS} clients each ${Object.keys(WAYS).join('; ')}; 10 send a request in 4 s; ` +
      '20 send part of one, and fall silent',
    promise:
      'A change is made whole or not at all, and never from part of a request; no connection is left; others are 200',
    figure:
      `${number(names - before)} such requests, the silent ones ended after ${seconds(longestSilence)} at most; ` +
      `others: ${countAnswers(answers)}; normal after ${seconds(normal)}`,
  })
})
