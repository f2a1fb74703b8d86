/**
 * Stands between the service and PostgreSQL, and knows their protocol: at a chosen statement of a transaction it does what a
 * network, or an operator with `pg_terminate_backend`, may do at any moment.
 */
import { once } from 'node:events'
import { type AddressInfo, connect, createServer, type Socket } from 'node:net'
import type { Test } from 'tap'
import { MessageReader } from './protocol.js'

/** A statement of a transaction that writes, on its way to PostgreSQL. */
export interface Passing {
  /** 1 for the first after `begin`. */
  nth: number
  isCommit: boolean
  /** Of its backend. */
  pid: number
}

/**
 * `pass`: nothing. `hold`: neither it nor what follows is passed on, and the server's words still are. `hide`: it is passed on,
 * and nothing that the server says of it. `swallow`: nothing passes any more in either direction, and nobody is told.
 */
export type Fate = 'pass' | 'hold' | 'hide' | 'swallow'

export interface Proxy {
  /** The database's, through the proxy. */
  url: string
  /** Asked for each statement of a transaction that writes. */
  decide: (passing: Passing) => Fate
  /** Told when a statement that is hidden was answered; the connection ends then. */
  answered: (passing: Passing) => Promise<unknown>
}

/** Starts it before the database of this URL, on a free port. */
export async function startProxy(t: Test, databaseUrl: string): Promise<Proxy> {
  const url = new URL(databaseUrl)
  const proxy: Proxy = { url: '', decide: () => 'pass', answered: async () => {} }
  const sockets = new Set<Socket>()
  const server = createServer({ allowHalfOpen: false }, (client) => {
    const folder = url.searchParams.get('host')
    const upstream = folder
      ? connect(`${folder}/.s.PGSQL.${url.port || 5432}`)
      : connect(Number(url.port || 5432), url.hostname)
    for (const socket of [client, upstream]) {
      sockets.add(socket)
      socket.setNoDelay()
      socket.on('error', () => {})
      socket.on('close', () => sockets.delete(socket))
    }
    link(proxy, client, upstream)
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  t.teardown(() => {
    server.close()
    for (const socket of sockets) socket.destroy()
  })
  const through = new URL(url)
  through.searchParams.set('host', '127.0.0.1')
  through.port = String((server.address() as AddressInfo).port)
  proxy.url = through.href
  return proxy
}

/** One connection, passed on in both directions. */
function link(proxy: Proxy, client: Socket, upstream: Socket): void {
  let fate: Fate = 'pass'
  let pid = 0
  let sent = 0
  let answers = 0
  /** Statements since `begin`; undefined outside of a transaction that writes. */
  let nth: number | undefined
  let hidden: { passing: Passing; answer: number } | undefined
  const fromClient = new MessageReader({ hasTypes: false })
  const fromServer = new MessageReader({ hasTypes: true })

  const meet = (text: string) => {
    const isBegin = text.startsWith('begin isolation level read committed')
    nth = isBegin ? 1 : nth && nth + 1
    if (nth === undefined) return
    const passing = { nth, isCommit: text === 'commit', pid }
    if (passing.isCommit || text === 'rollback') nth = undefined
    fate = proxy.decide(passing)
    // The first answer is to the start of the connection.
    if (fate === 'hide') hidden = { passing, answer: sent + 2 }
  }

  const isStopped = () => fate === 'hold' || fate === 'swallow'

  client.on('data', (chunk: Buffer) => {
    for (const { type, bytes, text, endsStatement } of fromClient.read(chunk)) {
      if (type !== undefined && text !== undefined && fate === 'pass') meet(text)
      if (isStopped()) return
      upstream.write(bytes)
      if (endsStatement) sent++
    }
  })
  upstream.on('data', (chunk: Buffer) => {
    for (const { type, bytes } of fromServer.read(chunk)) {
      if (type === 'K') pid = bytes.readInt32BE(5)
      if (fate === 'swallow') return
      const isHidden = hidden !== undefined && answers + 1 >= hidden.answer
      if (!isHidden) client.write(bytes)
      if (type !== 'Z') continue
      answers++
      if (hidden === undefined || answers < hidden.answer) continue
      const { passing } = hidden
      fate = 'swallow'
      void proxy.answered(passing).finally(() => [client, upstream].forEach((socket) => socket.destroy()))
    }
  })
  client.on('close', () => fate === 'swallow' || upstream.end())
  upstream.on('close', () => fate === 'swallow' || client.end())
}
