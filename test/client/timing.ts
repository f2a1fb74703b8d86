/** Time that passes at once, and how much of it was asked for. */
import type { Timing } from '../../src/client/index.js'
import { realTiming } from '../../src/client/timing.js'

/** Half of the way between the least and the most. */
const RANDOM = 0.5

export interface FakeTiming extends Timing {
  /** The milliseconds of each wait. */
  waits: number[]
}

/** @param now what the clock shows */
export function fakeTiming(now = 0): FakeTiming {
  const waits: number[] = []
  return {
    waits,
    now: () => now,
    random: () => RANDOM,
    sleep: async (ms, signal) => {
      waits.push(ms)
      await realTiming.sleep(0, signal)
    },
  }
}
