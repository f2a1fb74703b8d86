/** Removes audit events when they are old. */
import type { FastifyInstance } from 'fastify'
import type { Database } from '../db/database.js'
import { removeEvents } from '../db/events.js'

const HOUR_MS = 3_600_000

/**
 * Once the app is ready, and then every hour. Any number of replicas may do it.
 * @param days for which events are kept; 0 for ever
 */
export function removeOldEvents(app: FastifyInstance, database: Database, days: number): void {
  if (days === 0) return
  const closing = new AbortController()
  const remove = async () => {
    try {
      const removed = await removeEvents(database, days, closing.signal)
      if (removed > 0) app.log.info({ removed, days }, 'old audit events were removed')
    } catch (err) {
      // The next hour tries again.
      app.log.warn({ err }, 'old audit events could not be removed')
    }
  }
  let timer: NodeJS.Timeout
  let underWay: Promise<void> | undefined
  app.addHook('onReady', async () => {
    const start = () => {
      underWay ??= remove().finally(() => (underWay = undefined))
    }
    start()
    timer = setInterval(start, HOUR_MS).unref()
  })
  app.addHook('preClose', async () => {
    clearInterval(timer)
    closing.abort()
    await underWay
  })
}
