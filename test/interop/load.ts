/** Many who write at the same time. */
import { setTimeout as sleep } from 'node:timers/promises'

/** What somebody does, round after round; the first one is 1. */
export type Writer = (round: number) => Promise<unknown>

/**
 * Lets all of them write for so long, and each at least once.
 * @returns how many rounds each made, and what any of them failed with
 */
export async function load<Name extends string>(
  writers: Record<Name, Writer>,
  milliseconds: number,
): Promise<{ rounds: Record<Name, number>; failures: string[] }> {
  const end = Date.now() + milliseconds
  const failures: string[] = []
  const writing = Object.entries<Writer>(writers).map(async ([name, write]) => {
    let round = 0
    do {
      await write(++round).catch((error: Error) => failures.push(`${name}: ${error.message}`))
    } while (Date.now() < end)
    return [name, round]
  })
  return { rounds: Object.fromEntries(await Promise.all(writing)), failures }
}

/** What `look` sees, again and again, until it is stopped. */
export function watch<T>(look: () => Promise<T>): { stop(): Promise<T[]> } {
  const seen: T[] = []
  let isOver = false
  const done = (async () => {
    for (; !isOver; await sleep(2)) seen.push(await look())
  })()
  return {
    async stop() {
      isOver = true
      await done
      return seen
    },
  }
}
