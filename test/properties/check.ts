import fc from 'fast-check'

/** Milliseconds after which no further case is tried, so that a busy machine tries fewer of them. */
const TIME_LIMIT = 10_000

/** Holds a property to `numRuns` cases. A failure prints the seed and the smallest case that was found. */
export const check = <Values>(property: fc.IAsyncProperty<Values>, numRuns: number): Promise<void> =>
  fc.assert(property, { numRuns, interruptAfterTimeLimit: TIME_LIMIT, includeErrorInReport: true })
