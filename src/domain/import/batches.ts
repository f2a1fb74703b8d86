/** Batches of a stream. */

/** Batches of exactly this size, but for the last one. */
export async function* batchesOf<T>(source: AsyncIterable<readonly T[]>, size: number): AsyncGenerator<T[]> {
  let batch: T[] = []
  for await (const items of source) {
    for (const item of items) {
      batch.push(item)
      if (batch.length < size) continue
      yield batch
      batch = []
    }
  }
  if (batch.length > 0) yield batch
}

/** One ahead: the next one is made while this one is worked on. */
export async function* ahead<T>(source: AsyncGenerator<T>): AsyncGenerator<T> {
  let next = source.next()
  try {
    for (;;) {
      const { value, done } = await next
      if (done === true) return
      next = source.next()
      // Its failure is met when its turn comes, or not at all.
      next.catch(() => {})
      yield value
    }
  } finally {
    await source.return(undefined)
  }
}
