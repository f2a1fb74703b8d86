import fc from '../helpers/seeded-properties.js'

/** Milliseconds after which no further case is tried, so that a busy machine tries fewer of them. */
const TIME_LIMIT = 25_000

/** Holds a property to `numRuns` cases. A failure prints the seed and the smallest case that was found. */
export async function check<Values>(property: fc.IAsyncProperty<Values>, numRuns: number): Promise<void> {
  const run = property.run.bind(property)
  let latest: Promise<unknown> | undefined
  property.run = (...args) => (latest = run(...args)) as ReturnType<typeof run>
  await fc.assert(property, { numRuns, interruptAfterTimeLimit: TIME_LIMIT, includeErrorInReport: true })
  // The case that the time ended in is left under way, and would go on beside whatever comes next.
  await latest
}
