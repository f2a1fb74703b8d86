/** Loaded into a process, makes its clock jump with every SIGWINCH: forwards, backwards behind where it was, and back. */

const HOUR_MS = 3_600_000
const JUMPS = [6 * HOUR_MS, -6 * HOUR_MS, 0]

const RealDate = Date
let offset = 0
let jumps = 0

globalThis.Date = class extends RealDate {
  constructor(...given: [] | ConstructorParameters<DateConstructor>) {
    if (given.length === 0) super(RealDate.now() + offset)
    else super(...(given as [number]))
  }

  static override now = () => RealDate.now() + offset
} as DateConstructor

process.on('SIGWINCH', () => {
  offset = JUMPS[jumps++ % JUMPS.length]!
})
