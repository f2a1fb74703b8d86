/** Which threads of the process come first, where there is not enough processor for all. */
import { readlink } from 'node:fs/promises'
import os from 'node:os'

/** Of 19, the lowest: a tenth of the share of a thread at 0, and at once interrupted by one that wakes up. */
const NICE = 10

/** More than libuv has threads, so that each gets one. */
const PROBES = 64

/**
 * Lets the threads that hash passwords make way for the one that answers requests: one hash keeps eight threads busy for a
 * while, and each of them would else count as much as the service itself. Hashing runs in libuv's pool, whose threads hand
 * their priority on to those that they start. Linux alone has priorities of threads; elsewhere nothing is done.
 */
export async function lowerHashingPriority(): Promise<void> {
  if (process.platform !== 'linux') return
  // Asked in the pool, this names the thread that answers.
  const names = await Promise.all(Array.from({ length: PROBES }, () => readlink('/proc/thread-self')))
  for (const name of new Set(names)) os.setPriority(Number(name.split('/').at(-1)), NICE)
}
