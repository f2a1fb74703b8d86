/** Follows the events: each once and in order, from wherever the consumer stopped. */
import { type ListPath, parameterOf, type ReadPage } from './lists.js'
import type { components, operations } from './schema.js'
import type { Timing } from './timing.js'

/** A change or a refusal. */
export type Event = Required<components['schemas']['ListedEvent']>

type Query = NonNullable<operations['listEvents']['parameters']['query']>
type Filter = Pick<Query, 'action' | 'outcome' | 'actor' | 'target_type' | 'target'>

/** Where to begin, what to tell, and for how long to wait. */
export interface EventOptions extends Filter {
  /** The id of the last event that was dealt with. By default 0: from the oldest event that is kept. */
  after?: number | string
  /** Seconds that one request waits for an event. By default 30. With 0 the iteration ends at the newest event. */
  wait?: number
  /** Events of a page. */
  page_size?: number
  /** Ends the iteration: it throws the signal's reason. */
  signal?: AbortSignal
}

/** The path of the feed. */
export const EVENTS = '/admin/events/' satisfies ListPath

const DEFAULT_WAIT_SECONDS = 30

/** A service that is about to end answers at once, and would be asked without pause. */
const PAUSE_MS = 200

/**
 * @throws ProblemError with `events_gone` where events were removed that the consumer has not seen
 */
export async function* follow(
  read: ReadPage,
  { after = 0, wait = DEFAULT_WAIT_SECONDS, signal, ...filter }: EventOptions,
  timing: Timing,
): AsyncGenerator<Event, void, undefined> {
  for (let position = String(after); ;) {
    const { results, next } = await read({ ...filter, after: position, wait })
    yield* results as Event[]
    const reached = parameterOf(next!, 'after')!
    // What the filter lets nothing through of moves the position all the same.
    if (reached === position) {
      if (wait === 0) return
      await timing.sleep(PAUSE_MS, signal)
    }
    position = reached
  }
}
