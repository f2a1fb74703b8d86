/** Giving a connection back to its pool, and what to do about one that has not answered. */
import { connect, type Socket } from 'node:net'
import type pg from 'pg'

/** node-postgres gives a query up by itself, and tells the server nothing, which goes on with it. */
const GIVEN_UP = /^Query read timeout/

/** Milliseconds that the server gets to take a request to cancel. */
const CANCEL_MS = 2_000

/** @param failure why the connection is of no more use, if it is not */
export function release(client: pg.PoolClient, failure: Error | undefined): void {
  client.release(failure)
  if (failure !== undefined && GIVEN_UP.test(failure.message)) cancel(client)
}

/** What a client knows of its connection; not in the types of pg, and partly absent in its native client. */
interface Connected {
  host?: string
  port?: number
  processID?: number | null
  secretKey?: number | null
}

const CANCEL_REQUEST = 80_877_102

/**
 * Frees the backend: by a connection of its own, as PostgreSQL has it
 * (https://www.postgresql.org/docs/current/protocol-flow.html#PROTOCOL-FLOW-CANCELING-REQUESTS). Where that can't be reached
 * either, there is nothing to be done.
 */
function cancel(client: pg.PoolClient): void {
  const { host, port = 5432, processID, secretKey } = client as Connected
  if (host === undefined || typeof processID !== 'number' || typeof secretKey !== 'number') return
  const request = Buffer.alloc(16)
  for (const [index, number] of [request.length, CANCEL_REQUEST, processID, secretKey].entries())
    request.writeInt32BE(number, index * 4)
  const socket: Socket = host.startsWith('/') ? connect(`${host}/.s.PGSQL.${port}`) : connect(port, host)
  socket.setTimeout(CANCEL_MS, () => socket.destroy())
  socket.on('error', () => {})
  socket.end(request)
}
