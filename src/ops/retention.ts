/** Removes what is kept for a time only. */
import type { FastifyInstance } from 'fastify'
import type { Database } from '../db/database.js'
import { removeEvents } from '../db/events.js'
import { removeOldCounts } from '../db/rate-limits.js'
import { removeOldAnswers } from '../db/idempotent-answers.js'

const HOUR_MS = 3_600_000

/**
 * Removes audit events when they are old.
 * @param days for which events are kept; 0 for ever
 */
export function removeOldEvents(app: FastifyInstance, database: Database, days: number): void {
  if (days > 0) hourly(app, 'audit events', (signal) => removeEvents(database, days, signal))
}

/** Removes answers that are too old to be given again. */
export const forgetAnswers = (app: FastifyInstance, database: Database): void =>
  hourly(app, 'answers', (signal) => removeOldAnswers(database, signal))

/** Removes counts of requests whose window has ended. */
export const forgetCounts = (app: FastifyInstance, database: Database): void =>
  hourly(app, 'counts of requests', () => removeOldCounts(database))

/** Once the app is ready, and then every hour. Any number of replicas may do it. */
function hourly(app: FastifyInstance, what: string, remove: (closing: AbortSignal) => Promise<number>): void {
  const closing = new AbortController()
  const attempt = async () => {
    try {
      const removed = await remove(closing.signal)
      if (removed > 0) app.log.info({ removed }, `old ${what} were removed`)
    } catch (err) {
      // The next hour tries again.
      app.log.warn({ err }, `old ${what} could not be removed`)
    }
  }
  let timer: NodeJS.Timeout
  let underWay: Promise<void> | undefined
  app.addHook('onReady', async () => {
    const start = () => {
      underWay ??= attempt().finally(() => (underWay = undefined))
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
