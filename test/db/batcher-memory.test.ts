import { constants, PerformanceObserver } from 'node:perf_hooks'
import { setTimeout as sleep } from 'node:timers/promises'
import { setFlagsFromString } from 'node:v8'
import { runInNewContext } from 'node:vm'
import tap from 'tap'
import { makeAllYoung } from '../../src/ops/garbage-collection.js'
import { createBatcher } from '../../src/db/batcher.js'

const IN_FLIGHT = 128
const ITEMS = 80_000
/** Enough for some twenty batches. */
const AGING_ITEMS = 1_300
/** Elements of each item: some 12 kB, as much as a request that waits. */
const SIZE = 1_500

/** How often V8 collected what is young, and how often all there is, while `work` was done. */
async function collections(work: () => Promise<unknown>): Promise<{ young: number; all: number }> {
  const kinds: number[] = []
  const note = (entries: readonly object[]) => {
    for (const { detail } of entries as readonly { detail: { kind: number } }[]) kinds.push(detail.kind)
  }
  const observer = new PerformanceObserver((list) => note(list.getEntries()))
  observer.observe({ entryTypes: ['gc'] })
  await work()
  // Entries come in a turn of their own.
  await sleep(10)
  note(observer.takeRecords())
  observer.disconnect()
  const count = (wanted: number) => kinds.filter((kind) => kind === wanted).length
  return {
    young: count(constants.NODE_PERFORMANCE_GC_MINOR),
    all: count(constants.NODE_PERFORMANCE_GC_MAJOR),
  }
}

tap.test('what has been done is collected young: nothing that comes after it hangs on it', async (t) => {
  makeAllYoung()
  setFlagsFromString('--expose-gc')
  const collectAll = runInNewContext('gc') as () => void
  let isAging = true
  const batcher = createBatcher<number[], number>({
    name: 'items',
    run: async (items, letNext) => {
      await sleep(1)
      // Whatever waits grows old by it, and so does what the batcher keeps it in.
      if (isAging) collectAll()
      letNext()
      await sleep(1)
      return items.map((item) => item[0]!)
    },
    keyOf: (item) => item[0],
    maxSize: 64,
    concurrency: 1,
    maxWaiting: 1_000,
  })
  let next = 0
  const submitInTurn = async (last: number) => {
    while (next < last) {
      const item = new Array<number>(SIZE).fill(next++)
      if ((await batcher.submit(item)) !== item[0]) t.fail('the result is of another item')
    }
  }
  const submit = (count: number) => {
    const last = next + count
    return Promise.all(Array.from({ length: IN_FLIGHT }, () => submitInTurn(last)))
  }

  await submit(AGING_ITEMS)
  isAging = false
  const { young, all } = await collections(() => submit(ITEMS))

  t.ok(young > 10, `what is young was collected ${young} times`)
  // Where items outlive their batches they fill the old generation, which is collected every twenty times.
  t.ok(all * 30 < young, `and all there is ${all} times`)
})
