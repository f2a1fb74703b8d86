import { AsyncLocalStorage } from 'node:async_hooks'
import { getEventListeners } from 'node:events'
import { setImmediate as nextTurn } from 'node:timers/promises'
import t from 'tap'
import { createWorkQueue, QueueFullError } from '../../../src/domain/passwords/work-queue.js'
import fc from '../../helpers/seeded-properties.js'

/** A task that ends when the test says so. */
function makeTask<T>(): { run: () => Promise<T>; started: () => boolean; end: (value: T) => void } {
  const { promise, resolve } = withResolvers<T>()
  let hasStarted = false
  return {
    run: () => {
      hasStarted = true
      return promise
    },
    started: () => hasStarted,
    end: resolve,
  }
}

function withResolvers<T>(): { promise: Promise<T>; resolve: (value: T) => void } {
  let resolve: (value: T) => void = () => {}
  const promise = new Promise<T>((fulfil) => {
    resolve = fulfil
  })
  return { promise, resolve }
}

t.test('runs at once while there is room, then waits, then sheds', async (t) => {
  const queue = createWorkQueue({ concurrency: 2, maxQueued: 1 })
  const [first, second, third] = [makeTask<string>(), makeTask<string>(), makeTask<string>()]
  const results = [first, second, third].map((task) => queue.run(task.run))
  t.same(
    [first, second, third].map((task) => task.started()),
    [true, true, false],
  )
  t.same(queue.stats(), { running: 2, queued: 1 })

  const refused = await queue.run(async () => t.fail('must not run')).catch((error: unknown) => error)
  t.ok(refused instanceof QueueFullError)
  t.match(refused, { name: 'QueueFullError', retryAfterSeconds: 1 })
  t.same(queue.stats(), { running: 2, queued: 1 }, 'a refusal changes nothing')

  second.end('second')
  t.equal(await results[1], 'second')
  await nextTurn()
  t.ok(third.started())
  first.end('first')
  third.end('third')
  t.same(await Promise.all(results), ['first', 'second', 'third'])
  await nextTurn()
  t.same(queue.stats(), { running: 0, queued: 0 })
})

t.test('a queue may have no room to wait, and says when to come back', async (t) => {
  const queue = createWorkQueue({ concurrency: 1, maxQueued: 0, retryAfterSeconds: 7 })
  const task = makeTask<void>()
  const running = queue.run(task.run)
  t.match(await queue.run(async () => {}).catch((error: unknown) => error), { retryAfterSeconds: 7 })
  task.end()
  await running
  t.equal(await queue.run(async () => 'room again'), 'room again')
})

t.test('a failure reaches its caller only, and frees its place', async (t) => {
  const queue = createWorkQueue({ concurrency: 1, maxQueued: 10 })
  const rejects = queue.run(async () => {
    throw new Error('rejected')
  })
  const throws = queue.run(() => {
    throw new Error('thrown')
  })
  const works = queue.run(async () => 'fine')
  await t.rejects(rejects, { message: 'rejected' })
  await t.rejects(throws, { message: 'thrown' })
  t.equal(await works, 'fine')
  await nextTurn()
  t.same(queue.stats(), { running: 0, queued: 0 })
})

t.test('a long row of throwing tasks does not nest', async (t) => {
  const queue = createWorkQueue({ concurrency: 1, maxQueued: 4_000 })
  const first = makeTask<void>()
  const before = queue.run(first.run)
  const row = Array.from({ length: 4_000 }, () =>
    queue.run(() => {
      throw new Error('thrown')
    }),
  )
  first.end()
  await before
  const results = await Promise.allSettled(row)
  t.ok(
    results.every(
      ({ status, ...rest }) => status === 'rejected' && 'reason' in rest && rest.reason.message === 'thrown',
    ),
  )
})

t.test('an abort takes a waiting task out, and leaves a running one alone', async (t) => {
  const queue = createWorkQueue({ concurrency: 1, maxQueued: 2 })
  const [running, waiting] = [new AbortController(), new AbortController()]
  const task = makeTask<string>()
  const first = queue.run(task.run, { signal: running.signal })
  const gone = queue.run(async () => t.fail('must not run'), { signal: waiting.signal })
  const last = queue.run(async () => 'last')
  await t.rejects(
    queue.run(async () => {}),
    QueueFullError,
  )

  running.abort(new Error('too late'))
  waiting.abort(new Error('client left'))
  t.same(queue.stats(), { running: 1, queued: 1 })
  await t.rejects(gone, { message: 'client left' })
  const next = queue.run(async () => 'next')
  task.end('first')
  t.same(await Promise.all([first, last, next]), ['first', 'last', 'next'], 'its place went to another')
})

t.test('a signal that has aborted before never gets in', async (t) => {
  const queue = createWorkQueue({ concurrency: 1, maxQueued: 1 })
  const signal = AbortSignal.abort(new Error('client left'))
  await t.rejects(
    queue.run(async () => t.fail('must not run'), { signal }),
    { message: 'client left' },
  )
  t.same(queue.stats(), { running: 0, queued: 0 })
})

t.test('a signal keeps no listener of a task that got its turn', async (t) => {
  const queue = createWorkQueue({ concurrency: 1, maxQueued: 1 })
  const { signal } = new AbortController()
  const [first, second] = [makeTask<void>(), makeTask<void>()]
  const results = [queue.run(first.run, { signal }), queue.run(second.run, { signal })]
  t.equal(getEventListeners(signal, 'abort').length, 1)
  first.end()
  await results[0]
  await nextTurn()
  t.ok(second.started())
  t.equal(getEventListeners(signal, 'abort').length, 0)
  second.end()
  await results[1]
})

t.test('a task runs in the async context of who asked for it', async (t) => {
  const context = new AsyncLocalStorage<string>()
  const queue = createWorkQueue({ concurrency: 1, maxQueued: 5 })
  const seen = await Promise.all(
    ['a', 'b', 'c'].map((name) =>
      context.run(name, () =>
        queue.run(async () => {
          await nextTurn()
          return context.getStore()
        }),
      ),
    ),
  )
  t.same(seen, ['a', 'b', 'c'])
})

t.test('its bounds are whole numbers', async (t) => {
  for (const concurrency of [0, -1, 1.5, NaN, Infinity]) {
    t.throws(() => createWorkQueue({ concurrency, maxQueued: 1 }), RangeError)
  }
  for (const maxQueued of [-1, 0.5, NaN]) {
    t.throws(() => createWorkQueue({ concurrency: 1, maxQueued }), RangeError)
  }
})

interface Arrival {
  /** Turns of the event loop that the task takes. */
  turns: number
  /** Turns before the next one arrives. */
  pause: number
  fails: boolean
  /** Turns after which its caller gives up. */
  patience: number
}

const arrival: fc.Arbitrary<Arrival> = fc.record({
  turns: fc.nat(4),
  pause: fc.nat(2),
  fails: fc.boolean(),
  patience: fc.oneof(fc.constant(Infinity), fc.nat(6)),
})

t.test('bounds, order and outcomes hold for any arrivals', async () => {
  await fc.assert(
    fc.asyncProperty(
      fc.integer({ min: 1, max: 4 }),
      fc.nat(5),
      fc.array(arrival, { maxLength: 40 }),
      checkArrivals,
    ),
    { numRuns: 150 },
  )
})

async function checkArrivals(concurrency: number, maxQueued: number, arrivals: Arrival[]): Promise<boolean> {
  const queue = createWorkQueue({ concurrency, maxQueued })
  const started: number[] = []
  const outcomes: Promise<string>[] = []
  let inFlight = 0
  let holds = true
  for (const [index, { turns, pause, fails, patience }] of arrivals.entries()) {
    const wasFull = inFlight === concurrency && queue.stats().queued === maxQueued
    const abort = new AbortController()
    const result = queue.run(
      async () => {
        started.push(index)
        inFlight += 1
        holds &&= inFlight <= concurrency
        await pass(turns)
        inFlight -= 1
        if (fails) throw new Error('failed')
      },
      { signal: abort.signal },
    )
    if (patience !== Infinity) void pass(patience).then(() => abort.abort(new Error('gave up')))
    const outcome = result.then(
      () => 'done',
      (error: Error) => error.message,
    )
    outcomes.push(outcome)
    const { running, queued } = queue.stats()
    holds &&= running <= concurrency && queued <= maxQueued
    // A failure or an end frees its place a few microtasks after the task has counted itself out.
    if (wasFull) holds &&= (await outcome) === 'Too much work is waiting'
    await pass(pause)
  }
  const ended = await Promise.all(outcomes)
  await nextTurn()
  const { running, queued } = queue.stats()
  return (
    holds &&
    running === 0 &&
    queued === 0 &&
    started.every((index, position) => position === 0 || index > (started[position - 1] ?? -1)) &&
    ended.every((outcome, index) => agrees(outcome, started.includes(index), arrivals[index]))
  )
}

function agrees(outcome: string, hasStarted: boolean, task: Arrival | undefined): boolean {
  if (hasStarted) return outcome === (task?.fails ? 'failed' : 'done')
  return outcome === 'Too much work is waiting' || (outcome === 'gave up' && task?.patience !== Infinity)
}

async function pass(turns: number): Promise<void> {
  for (let turn = 0; turn < turns; turn += 1) await nextTurn()
}
