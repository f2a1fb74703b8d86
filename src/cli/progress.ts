/** How far a command is: a bar on a terminal, and lines elsewhere. On standard error. */
import { duration } from './duration.js'

export interface Meter {
  /**
   * @param done how many items
   * @param share of the whole, from 0 to 1
   */
  at(done: number, share: number): void
  /** Leaves no bar behind. */
  end(): void
}

/** Milliseconds between two looks. */
const REDRAW_MS = 100
const REPORT_MS = 5_000

const BAR = 30

/** @param what is going on, such as `importing` */
export function makeMeter(what: string, stream: NodeJS.WriteStream = process.stderr): Meter {
  const began = performance.now()
  const pause = stream.isTTY ? REDRAW_MS : REPORT_MS
  let shownAt = began
  let first: { done: number; share: number; at: number } | undefined
  return {
    at(done, share) {
      const now = performance.now()
      // Where an import goes on, what was there before is no speed.
      first ??= { done, share, at: now }
      if (now - shownAt < pause) return
      shownAt = now
      const seconds = (now - first.at) / 1_000
      const gained = share - first.share
      const rate = seconds > 0 ? (done - first.done) / seconds : 0
      const left = gained > 0 ? (seconds * (1 - share)) / gained : undefined
      const state = [
        `${Math.floor(share * 100)} %`,
        `${Math.round(rate).toLocaleString('en')} users/s`,
        ...(left === undefined ? [] : [`${duration(left)} left`]),
      ].join(', ')
      stream.write(stream.isTTY ? `\r\x1b[K${what} [${bar(share)}] ${state}` : `${what}: ${state}\n`)
    },
    end() {
      if (stream.isTTY) stream.write('\r\x1b[K')
    },
  }
}

const bar = (share: number): string => {
  const filled = Math.round(Math.min(1, share) * BAR)
  return '#'.repeat(filled) + '-'.repeat(BAR - filled)
}
