/** Which threads of the process come first, where there is not enough processor for all. */
import { pbkdf2 } from 'node:crypto'
import { readlink } from 'node:fs/promises'
import os from 'node:os'
import { promisify } from 'node:util'

/** Of 19, the lowest: a tenth of the share of a thread at 0, and at once interrupted by one that wakes up. */
const NICE = 10

/** Looks at most, where a busy machine lets a thread of the pool sleep on. */
const MAX_ROUNDS = 100

/** Iterations that keep a thread for about a millisecond. */
const SHORT_WHILE = 2_000

/**
 * Lets the threads that hash passwords make way for the one that answers requests: one hash keeps eight threads busy for a
 * while, and each of them would else count as much as the service itself. Hashing runs in libuv's pool, whose threads hand
 * their priority on to those that they start. Linux alone has priorities of threads; elsewhere nothing is done.
 * @param threads of the pool
 */
export async function lowerHashingPriority(threads: number): Promise<void> {
  if (process.platform !== 'linux') return
  const lowered = new Set<string>()
  for (let round = 0; round < MAX_ROUNDS && lowered.size < threads; round++) {
    for (const thread of await threadsOfPool(threads)) {
      if (!lowered.has(thread)) os.setPriority(Number(thread), NICE)
      lowered.add(thread)
    }
  }
}

/** The ids of those that were awake. Each is kept busy before it is asked, or the first would answer for all. */
async function threadsOfPool(threads: number): Promise<Set<string>> {
  const work = Array.from({ length: threads * 2 }, () => [
    promisify(pbkdf2)('', '', SHORT_WHILE, 32, 'sha256'),
    // Asked in the pool, this names the thread that answers.
    readlink('/proc/thread-self'),
  ])
  const answers = await Promise.all(work.flat())
  return new Set(
    answers.filter((answer) => typeof answer === 'string').map((name) => name.split('/').at(-1)!),
  )
}
