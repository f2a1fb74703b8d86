/** Following the events: a request waits where there is nothing yet. */
import { setTimeout as sleep } from 'node:timers/promises'
import { eventWritersEnd, type Feed, type FeedRequest, newestEventId, readFeed } from '../db/events.js'
import { createBatcher, READS } from '../db/batcher.js'
import type { Context } from './context.js'

export interface Following extends FeedRequest {
  /** Seconds to wait, at most. */
  wait: number
  /** Whether nobody waits for the answer any more. */
  isGone(): unknown
}

/** Between two looks for something new. One look serves all who wait. */
const POLL_MS = 200

/** For which a request looks through events that its filter lets none of through. */
const CATCH_UP_MS = 1_000

/** A function that reads the feed; undefined where events were removed that the consumer has not seen. */
export function followEvents({ database, closing }: Pick<Context, 'database' | 'closing'>) {
  const newest = createBatcher<number, number>({
    name: 'newest event',
    run: async (waiting) => {
      const id = await newestEventId(database)
      return waiting.map(() => id)
    },
    ...READS,
  })

  // Those who meet a gap wait for the same writers.
  const writersEnd = createBatcher<undefined, undefined>({
    name: 'end of writers',
    run: async (waiting) => {
      await eventWritersEnd(database)
      return waiting.map(() => undefined)
    },
    ...READS,
  })

  return async ({ wait, isGone, ...request }: Following): Promise<Feed | undefined> => {
    const start = performance.now()
    const isEnded = () => closing.aborted || isGone() !== undefined
    let after = request.after
    for (;;) {
      const feed = await readFeed(database, { ...request, after }, () => writersEnd.submit(undefined))
      if (feed === undefined || feed.events.length > 0) return feed
      // All that was there is filtered out: there may be more. Whoever goes on from here loses nothing.
      if (feed.position > after) {
        after = feed.position
        if (isEnded() || performance.now() - start > Math.max(CATCH_UP_MS, wait * 1_000)) return feed
        continue
      }
      do {
        if (isEnded() || performance.now() - start >= wait * 1_000) return feed
        await sleep(POLL_MS, undefined, { signal: closing }).catch(() => {})
      } while ((await newest.submit(after)) <= after)
    }
  }
}
