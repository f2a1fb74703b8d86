/** The clock of the machine, in the test's own process. */

const HOUR_MS = 3_600_000

/** Sets it back by an hour, until `t` is over. */
export function setClockBack(t: { teardown(fn: () => unknown): unknown }): void {
  const { now } = Date
  Date.now = () => now() - HOUR_MS
  t.teardown(() => (Date.now = now))
}
