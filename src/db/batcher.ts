/**
 * Does many small pieces of work as few large ones. What arrives while a batch is under way waits and forms the next;
 * nothing waits for company, so a lone item leaves at once. Knows nothing of what the work is.
 */
import { unavailable } from '../errors.js'

export interface BatcherOptions<Item, Result> {
  /**
   * Does the work of a batch.
   * @returns the results, in the order of the items. A rejection is the result of every item, unless `isolates` it
   */
  run(items: readonly Item[]): Promise<readonly Result[]>
  /** Items of one key are done one after the other, in order of arrival. Without: all items are independent. */
  keyOf?(item: Item): unknown
  /** Whether a failure may be the fault of one member: then each is run by itself, so that it fails alone. */
  isolates?(error: unknown): boolean
  /** Items of a batch, at most. */
  maxSize: number
  /** Batches under way, at most: the fewer, the larger they grow. One that is stuck does not count. */
  concurrency: number
  /** Milliseconds after which a batch counts as stuck, so that others need not wait behind it. Default 50. */
  stuckAfterMs?: number
  /** Batches that may be stuck at once. Default 4. */
  maxStuck?: number
  /** Items that may wait; beyond that they are refused. */
  maxWaiting: number
}

/** What a batcher did since its start, for metrics. */
export interface BatcherStats {
  batches: number
  items: number
  waiting: number
}

export interface Batcher<Item, Result> {
  /**
   * @param signal takes an item back that is still waiting: it is then not done at all
   * @throws `busy` where too many wait, the reason of the signal, or what `run` rejected with
   */
  submit(item: Item, signal?: AbortSignal): Promise<Result>
  stats(): BatcherStats
}

/** One item on its way. */
interface Entry<Item, Result> {
  item: Item
  key: unknown
  /** Whether it goes by itself, since a batch with it failed. */
  alone: boolean
  resolve(result: Result): void
  reject(error: unknown): void
  /** Called when the item leaves the queue, done or taken back. */
  forget?(): void
}

const STUCK_AFTER_MS = 50
const MAX_STUCK = 4

/** Makes a batcher. */
export function createBatcher<Item, Result>(options: BatcherOptions<Item, Result>): Batcher<Item, Result> {
  type Waiting = Entry<Item, Result>
  /** Those that may go now. A set keeps the order of arrival, and gives up one from its middle. */
  const ready = new Set<Waiting>()
  /** Key → those that wait for an earlier item of the key. A key is here while it has an item ready or under way. */
  const behind = new Map<unknown, Set<Waiting>>()
  const { concurrency, stuckAfterMs = STUCK_AFTER_MS, maxStuck = MAX_STUCK } = options
  let underWay = 0
  let overdue = 0
  const stats: BatcherStats = { batches: 0, items: 0, waiting: 0 }

  function enqueue(entry: Waiting): void {
    stats.waiting += 1
    const others = entry.key === undefined ? undefined : behind.get(entry.key)
    if (others !== undefined) {
      others.add(entry)
      return
    }
    if (entry.key !== undefined) behind.set(entry.key, new Set())
    ready.add(entry)
  }

  /** Lets the next item of a key go, once the one before it is done. */
  function release(key: unknown): void {
    if (key === undefined) return
    const others = behind.get(key)!
    const [next] = others
    if (next === undefined) behind.delete(key)
    else {
      others.delete(next)
      ready.add(next)
    }
  }

  function takeBack(entry: Waiting, reason: unknown): void {
    const isReady = ready.delete(entry)
    if (!isReady && !behind.get(entry.key)?.delete(entry)) return
    stats.waiting -= 1
    entry.reject(reason)
    if (isReady) release(entry.key)
  }

  function startBatches(): void {
    while (underWay - Math.min(overdue, maxStuck) < concurrency && ready.size > 0) void runBatch(takeBatch())
  }

  function takeBatch(): Waiting[] {
    const batch: Waiting[] = []
    for (const entry of ready) {
      if (entry.alone && batch.length > 0) break
      ready.delete(entry)
      batch.push(entry)
      if (entry.alone || batch.length === options.maxSize) break
    }
    return batch
  }

  async function runBatch(batch: readonly Waiting[]): Promise<void> {
    underWay += 1
    stats.batches += 1
    stats.items += batch.length
    stats.waiting -= batch.length
    let isOverdue = false
    const timer = setTimeout(() => {
      isOverdue = true
      overdue += 1
      startBatches()
    }, stuckAfterMs)
    await settle(batch)
    clearTimeout(timer)
    if (isOverdue) overdue -= 1
    underWay -= 1
    startBatches()
  }

  async function settle(batch: readonly Waiting[]): Promise<void> {
    for (const entry of batch) entry.forget?.()
    try {
      const results = await options.run(batch.map(({ item }) => item))
      batch.forEach(({ resolve }, index) => resolve(results[index]!))
    } catch (error) {
      if (batch.length > 1 && options.isolates?.(error)) return isolate(batch)
      for (const { reject } of batch) reject(error)
    }
    for (const { key } of batch) release(key)
  }

  /** Each goes again, by itself; it keeps its key until then. */
  function isolate(batch: readonly Waiting[]): void {
    stats.waiting += batch.length
    for (const entry of batch) ready.add(Object.assign(entry, { alone: true }))
  }

  return {
    submit: (item, signal) =>
      new Promise((resolve, reject) => {
        if (signal?.aborted) return reject(signal.reason)
        if (stats.waiting >= options.maxWaiting)
          return reject(unavailable('busy', 'Too many requests are waiting.'))
        const entry: Waiting = { item, key: options.keyOf?.(item), alone: false, resolve, reject }
        if (signal !== undefined) {
          const abort = () => takeBack(entry, signal.reason)
          signal.addEventListener('abort', abort, { once: true })
          entry.forget = () => signal.removeEventListener('abort', abort)
        }
        enqueue(entry)
        startBatches()
      }),
    stats: () => ({ ...stats }),
  }
}
