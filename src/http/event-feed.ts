/** Following the events: a request waits where there is nothing yet. */
import { setTimeout as sleep } from 'node:timers/promises'
import { type EventFilter, type Feed, newestEventId, readFeed } from '../db/events.js'
import { createBatcher, READS } from '../db/batcher.js'
import type { Context } from './context.js'

export interface Following {
  /** The last event that the consumer has seen; 0 for none. */
  after: number
  filter: EventFilter
  /** Events of an answer, at most. */
  size: number
  /** Seconds to wait, at most. */
  wait: number
  /** Whether nobody waits for the answer any more. */
  isGone(): unknown
}

/** Between two looks for something new. One look serves all who wait. */
const POLL_MS = 200

/** A function that reads the feed; undefined where events were removed that the consumer has not seen. */
export function followEvents({ database, closing }: Pick<Context, 'database' | 'closing'>) {
  const newest = createBatcher<number, number>({
    run: async (waiting) => {
      const id = await newestEventId(database)
      return waiting.map(() => id)
    },
    ...READS,
  })

  return async ({ after, filter, size, wait, isGone }: Following): Promise<Feed | undefined> => {
    const deadline = Date.now() + wait * 1_000
    const isOver = () => Date.now() >= deadline || closing.aborted || isGone() !== undefined
    let position = after
    for (;;) {
      const feed = await readFeed(database, position, filter, size)
      if (feed === undefined || feed.events.length > 0) return feed
      // All that was there is filtered out: there may be more.
      if (feed.position > position) {
        position = feed.position
        continue
      }
      do {
        if (isOver()) return feed
        await sleep(POLL_MS, undefined, { signal: closing }).catch(() => {})
      } while ((await newest.submit(position)) <= position)
    }
  }
}
