/**
 * Does many small pieces of work as few large ones. What arrives while a batch is under way waits and forms the next;
 * a lone item leaves at once, and only beside a batch that has let the next one go waits for company. Knows nothing of what the work is.
 */
import { unavailable } from '../errors.js'
import { inBatchSpan, inItemSpan, type ItemSpan } from '../spans.js'

export interface BatcherOptions<Item, Result> {
  /** What it is called in traces. */
  name: string
  /**
   * Does the work of a batch.
   * @param letNext may be called when what is left to do need not hold back a next batch of at least half its size
   * @returns the results, in the order of the items. A rejection is the result of every item, unless `isolates` it
   */
  run(items: readonly Item[], letNext: () => void): Promise<readonly Result[]>
  /** Items of one key are done one after the other, in order of arrival. Without: all items are independent. */
  keyOf?(item: Item): unknown
  /** Whether an item may be in a batch with others of its key that may too, in order of arrival. Default: none may. */
  mayShare?(item: Item): boolean
  /** Whether a failure may be the fault of one member: then each is run by itself, so that it fails alone. */
  isolates?(error: unknown): boolean
  /** Items of a batch, at most. */
  maxSize: number
  /**
   * Batches under way, at most: the fewer, the larger they grow. One that let the next go does not count for a batch of at least half
   * as many keys.
   */
  concurrency: number
  /** Milliseconds after which a batch is taken to be stuck, and lets the next go, of whatever size. Default 50. */
  stuckAfterMs?: number
  /** Batches that may be under way beside those that count. Default 4. */
  maxBeside?: number
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
   * @param withdrawn asked when the turn of the item comes: with a reason it is not done, and rejected with that
   * @throws `busy` where too many wait, the reason of `withdrawn`, or what `run` rejected with
   */
  submit(item: Item, withdrawn?: () => Error | undefined): Promise<Result>
  stats(): BatcherStats
}

/** One item on its way. */
interface Entry<Item, Result> {
  item: Item
  key: unknown
  /** Whether it goes by itself, since a batch with it failed. */
  alone: boolean
  withdrawn: (() => Error | undefined) | undefined
  span: ItemSpan
  resolve(result: Result): void
  reject(error: unknown): void
}

/** Bounds of batches that only read. */
export const READS = { maxSize: 256, concurrency: 1, maxWaiting: 10_000 } as const

const STUCK_AFTER_MS = 50
const MAX_BESIDE = 4

/** Makes a batcher. */
export function createBatcher<Item, Result>(options: BatcherOptions<Item, Result>): Batcher<Item, Result> {
  type Waiting = Entry<Item, Result>
  /** Those that may go now, in order of arrival. In no Set, whose members would be collected late (0035). */
  const ready: Waiting[] = []
  /** Key → those that wait for an earlier item of the key. A key is here while it has an item ready or under way. */
  const behind = new Map<unknown, Waiting[]>()
  const { concurrency, maxSize, stuckAfterMs = STUCK_AFTER_MS, maxBeside = MAX_BESIDE } = options
  let underWay = 0
  let beside = 0
  /** The batch that let the next one go last, as long as it is neither done nor stuck, and how many keys it has. */
  let lastBeside: { batch: readonly Waiting[]; keys: number } | undefined
  let isStarting = false
  const stats: BatcherStats = { batches: 0, items: 0, waiting: 0 }

  const mayShare = ({ key, alone, item }: Waiting): boolean =>
    key !== undefined && !alone && options.mayShare?.(item) === true

  const keysOf = (batch: readonly Waiting[]): Set<unknown> => new Set(batch.map(({ key }) => key))

  /** Without keys, each item is one by itself. */
  const countKeys = (batch: readonly Waiting[]): number =>
    options.keyOf === undefined ? batch.length : keysOf(batch).size

  function enqueue(entry: Waiting): void {
    stats.waiting += 1
    const others = entry.key === undefined ? undefined : behind.get(entry.key)
    if (others !== undefined) {
      others.push(entry)
      return
    }
    if (entry.key !== undefined) behind.set(entry.key, [])
    ready.push(entry)
  }

  /** Lets the next item of a key go, once those before it are done. */
  function release(key: unknown): void {
    if (key === undefined) return
    const next = behind.get(key)!.shift()
    if (next === undefined) behind.delete(key)
    else ready.push(next)
  }

  /** At the end of this turn of the loop: what arrived with the same reading of sockets goes together. */
  function startSoon(): void {
    if (isStarting || !hasRoom()) return
    isStarting = true
    setImmediate(() => {
      isStarting = false
      startBatches()
    })
  }

  const hasRoom = () =>
    underWay < concurrency || (underWay - Math.min(beside, maxBeside) < concurrency && isWorthwhile())

  /** Small batches cost as much as large ones. Of each key one item is ready, however many others are behind it. */
  const isWorthwhile = () => lastBeside === undefined || ready.length * 2 >= lastBeside.keys

  function startBatches(): void {
    while (hasRoom() && ready.length > 0) {
      const batch = takeBatch()
      if (batch.length > 0) void runBatch(batch)
    }
  }

  function takeBatch(): Waiting[] {
    const batch: Waiting[] = []
    let taken = 0
    while (taken < ready.length && batch.length < maxSize) {
      const entry = ready[taken]!
      if (entry.alone && batch.length > 0) break
      taken += 1
      if (!take(entry, batch)) release(entry.key)
      else if (mayShare(entry)) takeFollowers(entry.key, batch)
      if (entry.alone) break
    }
    ready.splice(0, taken)
    return batch
  }

  /** @returns false where it was withdrawn */
  function take(entry: Waiting, batch: Waiting[]): boolean {
    stats.waiting -= 1
    const reason = entry.withdrawn?.()
    if (reason === undefined) batch.push(entry)
    else entry.reject(reason)
    return reason === undefined
  }

  function takeFollowers(key: unknown, batch: Waiting[]): void {
    const others = behind.get(key)!
    while (others.length > 0 && batch.length < maxSize && mayShare(others[0]!)) take(others.shift()!, batch)
  }

  async function runBatch(batch: readonly Waiting[]): Promise<void> {
    underWay += 1
    stats.batches += 1
    stats.items += batch.length
    let holdsBack = true
    const letNext = () => {
      if (!holdsBack) return
      holdsBack = false
      beside += 1
      lastBeside = { batch, keys: countKeys(batch) }
      startSoon()
    }
    const forget = () => {
      if (lastBeside?.batch === batch) lastBeside = undefined
    }
    const giveUp = () => {
      letNext()
      forget()
      startSoon()
    }
    const timer = setTimeout(giveUp, stuckAfterMs)
    await settle(batch, letNext)
    clearTimeout(timer)
    forget()
    if (!holdsBack) beside -= 1
    holdsBack = false
    underWay -= 1
    startSoon()
  }

  async function settle(batch: readonly Waiting[], letNext: () => void): Promise<void> {
    try {
      const items = batch.map(({ item }) => item)
      const spans = batch.map(({ span }) => span)
      const results = await inBatchSpan(options.name, spans, () => options.run(items, letNext))
      batch.forEach(({ resolve }, index) => resolve(results[index]!))
    } catch (error) {
      if (batch.length > 1 && options.isolates?.(error)) return isolate(batch)
      for (const { reject } of batch) reject(error)
    }
    for (const key of keysOf(batch)) release(key)
  }

  /** Each goes again, by itself; those of one key in their order, and before all others of the key. */
  function isolate(batch: readonly Waiting[]): void {
    stats.waiting += batch.length
    const followers = new Map<unknown, Waiting[]>()
    for (const entry of batch) {
      entry.alone = true
      const sameKey = followers.get(entry.key)
      if (sameKey !== undefined) sameKey.push(entry)
      else ready.push(entry)
      if (entry.key !== undefined && sameKey === undefined) followers.set(entry.key, [])
    }
    for (const [key, entries] of followers) behind.get(key)!.unshift(...entries)
  }

  return {
    submit: (item, withdrawn) =>
      inItemSpan(
        options.name,
        (span) =>
          new Promise((resolve, reject) => {
            if (stats.waiting >= options.maxWaiting)
              return reject(unavailable('busy', 'Too many requests are waiting.'))
            enqueue({ item, key: options.keyOf?.(item), alone: false, withdrawn, span, resolve, reject })
            startSoon()
          }),
      ),
    stats: () => ({ ...stats }),
  }
}
