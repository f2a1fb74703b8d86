/** What must hold of something for it to be changed (RFC 9110 §13): looked at under its lock. */
import type { ProblemError } from '../errors.js'

export interface Precondition<Stored> {
  /**
   * @param fields those that the change names
   * @returns why the change may not be made; undefined where it may
   */
  failureOf(stored: Stored, fields: Iterable<string>): ProblemError | undefined
}
