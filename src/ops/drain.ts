/** How a service that was asked to end takes leave of its clients. */
import { Server as NetServer, type Socket } from 'node:net'
import { setTimeout as sleep } from 'node:timers/promises'
import type { FastifyInstance } from 'fastify'

/** Milliseconds that clients of open connections get for a last request, which tells them to close. */
const LAST_REQUEST_MS = 1_000

export interface Drain {
  /** From now on every answer asks to close: a busy keep-alive client would hold the service for a minute. */
  begin(): void
  hasBegun(): boolean
  /**
   * Takes no new connections, and waits until the open ones have ended, for a second at most. Those that nothing ever came from
   * are closed; the app's own `close` then waits for requests in flight.
   */
  finish(): Promise<void>
}

/** Must come before the app listens. */
export function makeDrain(app: FastifyInstance): Drain {
  const { server } = app
  const open = new Set<Socket>()
  let isDraining = false
  server.on('connection', (socket: Socket) => {
    open.add(socket)
    socket.once('close', () => open.delete(socket))
  })
  app.addHook('onSend', (_request, reply, _payload, done) => {
    if (isDraining) reply.header('connection', 'close')
    done()
  })
  return {
    begin: () => {
      isDraining = true
    },
    hasBegun: () => isDraining,
    finish: async () => {
      if (!server.listening) return
      // `close` of an HTTP server would close idle connections at once, and with them requests that are on their way.
      const ended = new Promise<void>((resolve) => NetServer.prototype.close.call(server, () => resolve()))
      await Promise.race([ended, sleep(LAST_REQUEST_MS, undefined, { ref: false })])
      // Opened in advance: to Node.js they are no idle ones, and once it closes it ends no slow ones either.
      for (const socket of open) if (socket.bytesRead === 0) socket.destroy()
    },
  }
}
