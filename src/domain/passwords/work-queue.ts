import { AsyncResource } from 'node:async_hooks'

export interface WorkQueueOptions {
  /** How many tasks run at once, 1 or more. */
  concurrency: number
  /** How many more may wait, 0 or more. */
  maxQueued: number
  /** What a refused caller is told, in seconds; by default 1. */
  retryAfterSeconds?: number | undefined
}

export interface WorkQueue {
  /**
   * Runs `task` now or when its turn comes, in order of arrival, and settles as it does. An abort takes a
   * waiting task out of the queue and rejects with the signal's reason; a running task is left alone.
   *
   * @throws QueueFullError (as a rejection, at once) where `concurrency` tasks run and `maxQueued` wait
   */
  run<T>(task: () => Promise<T>, options?: { signal?: AbortSignal | undefined }): Promise<T>
  stats(): { running: number; queued: number }
}

/** A task was refused since the queue is full. */
export class QueueFullError extends Error {
  override readonly name = 'QueueFullError'

  constructor(readonly retryAfterSeconds: number) {
    super('Too much work is waiting')
  }
}

/**
 * A queue that bounds both how much runs and how much waits.
 *
 * @throws RangeError where `concurrency` is no whole number of 1 or more, or `maxQueued` none of 0 or more
 */
export function createWorkQueue(options: WorkQueueOptions): WorkQueue {
  const { concurrency, maxQueued, retryAfterSeconds = 1 } = options
  requireWhole('concurrency', concurrency, 1)
  requireWhole('maxQueued', maxQueued, 0)
  // A set keeps the order of arrival, and gives up one from its middle at no cost.
  const waiting = new Set<() => void>()
  let running = 0

  async function start<T>(task: () => Promise<T>): Promise<T> {
    running += 1
    try {
      // The inner function makes a throw a rejection, or a row of throwing tasks would nest on the stack.
      return await (async () => task())()
    } finally {
      running -= 1
      startNext()
    }
  }

  function startNext(): void {
    const [next] = waiting
    if (!next) return
    waiting.delete(next)
    next()
  }

  function wait<T>(task: () => Promise<T>, signal: AbortSignal | undefined): Promise<T> {
    return new Promise<T>((resolve, reject) => {
      const leave = (): void => {
        waiting.delete(enter)
        reject(signal?.reason)
      }
      // Bound, or the task would run in the async context (trace, log fields) of the task that ended before.
      const enter = AsyncResource.bind(() => {
        signal?.removeEventListener('abort', leave)
        resolve(start(task))
      })
      signal?.addEventListener('abort', leave, { once: true })
      waiting.add(enter)
    })
  }

  return {
    async run(task, { signal } = {}) {
      signal?.throwIfAborted()
      if (running < concurrency) return start(task)
      if (waiting.size >= maxQueued) throw new QueueFullError(retryAfterSeconds)
      return wait(task, signal)
    },
    stats: () => ({ running, queued: waiting.size }),
  }
}

function requireWhole(name: string, value: number, least: number): void {
  if (Number.isInteger(value) && value >= least) return
  throw new RangeError(`${name} must be a whole number from ${least}`)
}
