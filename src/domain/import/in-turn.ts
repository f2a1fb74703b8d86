/** Work on the items of a stream: two are under way at once, and take effect one after the other. */

/** How an item goes by those beside it. */
export interface Order {
  /** To be called when the next one may begin. */
  pass: () => void
  /**
   * To be awaited before anything that must come after the end of the one before. Throws where that one has failed: what was done of
   * this one is to be taken back then.
   */
  turn: () => Promise<void>
}

export interface Work<T> {
  /** Tries an item while the one before is still under way. */
  beside: (item: T, order: Order) => Promise<void>
  /** Does an item that could not be done so. Nothing else takes effect meanwhile; what the next one tried may yet be taken back. */
  alone: (item: T) => Promise<void>
}

/** An item under way, or done. */
interface Step {
  /** When the next one may begin. */
  passed: Promise<unknown>
  /** When it is known whether it could be done beside others. */
  tried: Promise<unknown>
  /** It could not, as far as is known yet. */
  hasFailed: boolean
  /** When it is done, one way or the other. */
  done: Promise<void>
}

const NOTHING: Step = {
  passed: Promise.resolve(),
  tried: Promise.resolve(),
  hasFailed: false,
  done: Promise.resolve(),
}

/** @throws what `alone` throws; by then nothing is under way any more */
export async function workInTurn<T>(items: AsyncIterable<T>, work: Work<T>): Promise<void> {
  let last = NOTHING
  try {
    for await (const item of items) {
      const before = last
      last = begin(item, before, work)
      await before.done
      await last.passed
      // Where one has failed, so does the one that waits for it; the next of all would too.
      if (!before.hasFailed && !last.hasFailed) continue
      await last.done
      last = NOTHING
    }
    await last.done
  } finally {
    // What it fails with was met already, or is no news beside what ends all.
    await last.done.catch(() => {})
  }
}

function begin<T>(item: T, before: Step, { beside, alone }: Work<T>): Step {
  let pass = () => {}
  const passing = new Promise<void>((resolve) => (pass = resolve))
  const turn = async () => {
    await before.tried
    if (before.hasFailed) throw new Error('the one before has failed')
  }
  const tried = beside(item, { pass, turn }).catch(() => void (step.hasFailed = true))
  const done = tried.then(async () => {
    await before.done
    if (step.hasFailed) await alone(item)
  })
  // Whoever waits for it comes later.
  done.catch(() => {})
  const step: Step = { passed: Promise.race([passing, tried]), tried, hasFailed: false, done }
  return step
}
