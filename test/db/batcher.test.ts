// Many small pieces of work as few large ones: nothing lost, nothing twice, nobody harmed by another.
import { setImmediate, setTimeout as sleep } from 'node:timers/promises'
import t from 'tap'
import { type BatcherOptions, createBatcher } from '../../src/db/batcher.js'
import fc from '../helpers/seeded-properties.js'

const ROOMY = { maxSize: 8, concurrency: 2, maxWaiting: 1_000 }

/** A batcher whose batches end when the test says so. */
function makeHeld(options: Partial<BatcherOptions<number, number>> = {}) {
  const batches: {
    items: readonly number[]
    letNext: () => void
    end: () => void
    fail: (error: Error) => void
  }[] = []
  const batcher = createBatcher<number, number>({
    name: 'numbers',
    ...ROOMY,
    run: (items, letNext) =>
      new Promise((resolve, reject) => {
        const end = () => resolve(items.map((item) => item * 10))
        batches.push({ items, letNext, end, fail: reject })
      }),
    ...options,
  })
  return { batcher, batches }
}

const until = async (isTrue: () => boolean) => {
  while (!isTrue()) await setImmediate()
}

t.test('a lone item leaves at once; what comes meanwhile is the next batch', async (t) => {
  const { batcher, batches } = makeHeld({ concurrency: 1 })
  const first = batcher.submit(1)
  await setImmediate()
  t.same(batches[0]?.items, [1], 'in the same turn of the loop')
  const rest = [2, 3, 4].map((item) => batcher.submit(item))
  await setImmediate()
  t.equal(batches.length, 1)
  batches[0]!.end()
  t.equal(await first, 10)
  await until(() => batches.length === 2)
  t.same(batches[1]?.items, [2, 3, 4])
  batches[1]!.end()
  t.same(await Promise.all(rest), [20, 30, 40])
  t.same(batcher.stats(), { batches: 2, items: 4, waiting: 0 })
})

t.test('what arrives in one turn of the loop goes together', async (t) => {
  const { batcher, batches } = makeHeld()
  const items = [1, 2, 3].map((item) => batcher.submit(item))
  await until(() => batches.length === 1)
  t.same(batches[0]!.items, [1, 2, 3])
  batches[0]!.end()
  t.same(await Promise.all(items), [10, 20, 30])
})

t.test('a batch may let the next one go before it is done', async (t) => {
  const { batcher, batches } = makeHeld({ concurrency: 1, stuckAfterMs: 10_000, maxBeside: 1 })
  const first = batcher.submit(1)
  await until(() => batches.length === 1)
  const second = batcher.submit(2)
  batches[0]!.letNext()
  batches[0]!.letNext()
  await until(() => batches.length === 2)
  batches[1]!.letNext()
  const third = batcher.submit(3)
  await sleep(5)
  t.equal(batches.length, 2, 'only so many go beside each other')
  batches[0]!.end()
  await until(() => batches.length === 3)
  for (const { end } of batches) end()
  t.same(await Promise.all([first, second, third]), [10, 20, 30])
})

t.test('beside one that is not done goes at least half as much', async (t) => {
  const { batcher, batches } = makeHeld({ concurrency: 1, stuckAfterMs: 10_000 })
  const four = [1, 2, 3, 4].map((item) => batcher.submit(item))
  await until(() => batches.length === 1)
  batches[0]!.letNext()
  const fifth = batcher.submit(5)
  await sleep(5)
  t.equal(batches.length, 1, 'a fourth of it waits')
  const sixth = batcher.submit(6)
  await until(() => batches.length === 2)
  t.same(batches[1]!.items, [5, 6])
  batches[1]!.letNext()
  const seventh = batcher.submit(7)
  await until(() => batches.length === 3)
  t.same(batches[2]!.items, [7], 'half of the last one that went')
  for (const { end } of batches) end()
  t.same(await Promise.all([...four, fifth, sixth, seventh]), [10, 20, 30, 40, 50, 60, 70])
})

t.test('what is too little to go beside a batch goes after it, or when that is stuck', async (t) => {
  for (const isStuck of [false, true]) {
    const { batcher, batches } = makeHeld({ concurrency: 1, stuckAfterMs: isStuck ? 20 : 10_000 })
    const four = [1, 2, 3, 4].map((item) => batcher.submit(item))
    await until(() => batches.length === 1)
    batches[0]!.letNext()
    const fifth = batcher.submit(5)
    await setImmediate()
    await setImmediate()
    if (!isStuck) t.equal(batches.length, 1)
    if (!isStuck) batches[0]!.end()
    await until(() => batches.length === 2)
    t.same(batches[1]!.items, [5])
    for (const { end } of batches) end()
    t.same(await Promise.all([...four, fifth]), [10, 20, 30, 40, 50])
  }
})

t.test('what waits for company waits for none but the last batch', async (t) => {
  const { batcher, batches } = makeHeld({ concurrency: 1, stuckAfterMs: 20 })
  const stuck = batcher.submit(1)
  await until(() => batches.length === 1)
  const four = [2, 3, 4, 5].map((item) => batcher.submit(item))
  await until(() => batches.length === 2)
  batches[1]!.letNext()
  batches[1]!.end()
  await Promise.all(four)
  const sixth = batcher.submit(6)
  await until(() => batches.length === 3)
  t.same(batches[2]!.items, [6], 'the first one is still under way')
  for (const { end } of batches) end()
  t.same(await Promise.all([stuck, sixth]), [10, 60])
})

t.test('items that share a key are one', async (t) => {
  const { batcher, batches } = makeHeld({
    concurrency: 1,
    stuckAfterMs: 10_000,
    keyOf: (item) => item % 10,
    mayShare: () => true,
  })
  const hot = [1, 11, 21, 31].map((item) => batcher.submit(item))
  await until(() => batches.length === 1)
  t.equal(batches[0]!.items.length, 4)
  batches[0]!.letNext()
  const other = batcher.submit(2)
  await until(() => batches.length === 2)
  t.same(batches[1]!.items, [2])
  for (const { end } of batches) end()
  t.same(await Promise.all([...hot, other]), [10, 110, 210, 310, 20])
})

t.test('any load: bounded, in order, complete', async (t) => {
  const load = fc.record({
    items: fc.array(fc.record({ key: fc.nat(4), delay: fc.nat(3) }), { minLength: 1, maxLength: 60 }),
    maxSize: fc.integer({ min: 1, max: 6 }),
    concurrency: fc.integer({ min: 1, max: 3 }),
    letsNext: fc.boolean(),
  })
  await fc.assert(
    fc.asyncProperty(load, async ({ items, maxSize, concurrency, letsNext }) => {
      let underWay = 0
      const busy = new Set<number>()
      const done: number[] = []
      const faults: string[] = []
      const batcher = createBatcher<number, number>({
        name: 'numbers',
        maxSize,
        concurrency,
        maxWaiting: 1_000,
        keyOf: (index) => items[index]!.key,
        maxBeside: 2,
        async run(batch, letNext) {
          underWay += 1
          if (underWay > concurrency + (letsNext ? 2 : 0)) faults.push('too many batches')
          if (batch.length > maxSize) faults.push('too large a batch')
          for (const index of batch) {
            if (busy.has(items[index]!.key)) faults.push('two of a key at once')
            busy.add(items[index]!.key)
          }
          for (let turn = 0; turn < items[batch[0]!]!.delay; turn++) await Promise.resolve()
          if (letsNext) {
            letNext()
            await setImmediate()
          }
          for (const index of batch) busy.delete(items[index]!.key)
          done.push(...batch)
          underWay -= 1
          return batch.map((index) => index)
        },
      })
      const results = await Promise.all(items.map((_, index) => batcher.submit(index)))
      const inOrder = [0, 1, 2, 3, 4].every((key) => {
        const ofKey = done.filter((index) => items[index]!.key === key)
        return ofKey.every((index, at) => at === 0 || index > ofKey[at - 1]!)
      })
      return (
        faults.length === 0 &&
        inOrder &&
        results.every((result, index) => result === index) &&
        done.length === items.length &&
        batcher.stats().waiting === 0
      )
    }),
    { numRuns: 300 },
  )
  t.pass('300 loads')
})

t.test('beyond the bound it refuses, and only then', async (t) => {
  const { batcher, batches } = makeHeld({ concurrency: 1, maxWaiting: 2 })
  const first = batcher.submit(1)
  await until(() => batches.length === 1)
  const taken = [2, 3].map((item) => batcher.submit(item))
  await t.rejects(batcher.submit(4), {
    code: 'busy',
    status: 503,
    details: { headers: { 'retry-after': '1' } },
  })
  batches[0]!.end()
  await until(() => batches.length === 2)
  batches[1]!.end()
  t.same(await Promise.all([first, ...taken]), [10, 20, 30])
})

t.test('what waits can be withdrawn; what is under way can not', async (t) => {
  const { batcher, batches } = makeHeld({ concurrency: 1, keyOf: () => 'one' })
  const gone = new Set<number>()
  const items = [1, 2, 3].map((item) =>
    batcher.submit(item, () => (gone.has(item) ? new Error('gone') : undefined)),
  )
  await until(() => batches.length === 1)
  gone.add(1).add(2)
  const refused = t.rejects(items[1]!, { message: 'gone' })
  batches[0]!.end()
  t.equal(await items[0], 10)
  await until(() => batches.length === 2)
  t.same(batches[1]?.items, [3], 'those behind it go on')
  batches[1]!.end()
  t.equal(await items[2], 30)
  await refused
  await t.rejects(
    batcher.submit(5, () => new Error('never began')),
    { message: 'never began' },
  )
  t.same([batches.length, batcher.stats().waiting], [2, 0])
})

t.test('items of a key that may share a batch do so, in order; the others wait', async (t) => {
  const ran: number[][] = []
  const guilty = new Set([4])
  const batcher = createBatcher<number, number>({
    name: 'numbers',
    ...ROOMY,
    concurrency: 1,
    keyOf: (item) => Math.floor(item / 10),
    // Those of a key that may: 0 to 4 of each ten.
    mayShare: (item) => item % 10 < 5,
    isolates: () => true,
    async run(items) {
      ran.push([...items])
      await Promise.resolve()
      if (items.some((item) => guilty.has(item))) throw new Error('guilty')
      return items
    },
  })
  const results = [0, 1, 7, 2, 30, 3].map((item) => batcher.submit(item))
  t.same(await Promise.all(results), [0, 1, 7, 2, 30, 3])
  t.same(ran, [[0, 1, 30], [7], [2, 3]], 'who may not share is neither taken along nor overtaken')
  ran.length = 0
  const outcomes = await Promise.allSettled([0, 4, 1, 30, 2].map((item) => batcher.submit(item)))
  t.same(
    outcomes.map(({ status }) => status),
    ['fulfilled', 'rejected', 'fulfilled', 'fulfilled', 'fulfilled'],
  )
  t.same(ran[0], [0, 4, 1, 2, 30])
  t.same(
    ran
      .slice(1)
      .flat()
      .filter((item) => item < 10),
    [0, 4, 1, 2],
    'isolated, they keep their order',
  )
})

t.test('nobody waits behind a batch that is stuck', async (t) => {
  const { batcher, batches } = makeHeld({ concurrency: 1, stuckAfterMs: 5, maxBeside: 1 })
  const first = batcher.submit(1)
  await until(() => batches.length === 1)
  const items = [first, ...[2, 3].map((item) => batcher.submit(item))]
  await until(() => batches.length === 2)
  t.same(batches[1]?.items, [2, 3])
  const late = batcher.submit(4)
  await sleep(20)
  t.equal(batches.length, 2, 'only so many may be stuck')
  batches[0]!.end()
  await until(() => batches.length === 3)
  t.same(batches[2]?.items, [4], 'one that was late already counts as stuck when another ends')
  batches[2]!.end()
  t.equal(await late, 40)
  batches[1]!.end()
  t.same(await Promise.all(items), [10, 20, 30])
})

t.test('who was isolated does not hold back who comes after another', async (t) => {
  const { batcher, batches } = makeHeld({
    concurrency: 1,
    stuckAfterMs: 5,
    isolates: () => true,
    keyOf: (item) => item % 10,
  })
  const first = batcher.submit(0)
  await until(() => batches.length === 1)
  const [slow, quick] = [batcher.submit(7), batcher.submit(8)]
  batches[0]!.end()
  await until(() => batches.length === 2)
  batches[1]!.fail(new Error('one of us'))
  const next = batcher.submit(18)
  await until(() => batches.length === 4)
  t.same(
    batches.slice(2).map(({ items }) => items),
    [[7], [8]],
  )
  batches[3]!.end()
  t.equal(await quick, 80)
  await until(() => batches.length === 5)
  batches[4]!.end()
  t.equal(await next, 180, 'while 7 is still under way')
  batches[2]!.end()
  t.same([await first, await slow], [0, 70])
})

t.test('a failure that one member may be guilty of is each one’s own', async (t) => {
  const ran: number[][] = []
  const batcher = createBatcher<number, number>({
    name: 'numbers',
    ...ROOMY,
    concurrency: 1,
    isolates: (error) => (error as Error).message === 'guilty',
    async run(items) {
      ran.push([...items])
      await Promise.resolve()
      if (items.includes(13)) throw new Error('guilty')
      if (items.includes(99)) throw new Error('everybody’s')
      return items
    },
  })
  const outcomes = async (items: number[]) =>
    (await Promise.allSettled(items.map((item) => batcher.submit(item)))).map(({ status }) => status)
  t.same(await outcomes([0, 1, 13, 2]), ['fulfilled', 'fulfilled', 'rejected', 'fulfilled'])
  t.same(ran, [[0, 1, 13, 2], [0], [1], [13], [2]], 'each by itself')
  t.same(await outcomes([0, 99]), ['rejected', 'rejected'], 'not tried again')
  t.same(ran.at(-1), [0, 99])
})
