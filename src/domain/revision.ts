/** Changes that depend on what is stored, such as a JSON Patch: applied under the lock, whatever they change. */
import type { Fault } from '../../schemas/index.js'
import { ProblemError } from '../errors.js'
import { type CheckedBody, without } from './accept-update.js'

/** A change of something as it is shown. */
export interface Revision<Shown, Patch> {
  /** The fields that it may change. */
  fields: ReadonlySet<string>
  /**
   * @param shown how it is when its turn comes
   * @returns the fields that differ then
   * @throws ProblemError where it can not be applied to that
   */
  apply(shown: Shown): CheckedBody<Patch>
}

/** A change that may come from a revision. */
export interface Revisable<Shown, Patch> {
  /** The body as it came: a value that equals the stored one changes nothing, however it would be normalised. */
  sent: Patch
  /** The body with its texts normalised. */
  patch: Patch
  /** What makes them, instead. */
  revision?: Revision<Shown, Patch> | undefined
  /** What is wrong with a patch that a revision made. */
  faults?: readonly Fault[] | undefined
}

/** The fields that a change names. */
export const fieldsOf = ({ patch, revision }: Revisable<never, object>): Iterable<string> =>
  revision?.fields ?? Object.keys(patch)

/**
 * A change with the patch that its revision makes of what is stored.
 * @returns why it can not be applied, where it can not: whatever goes wrong is this change's alone
 */
export function revised<Shown, Patch extends object, Change extends Revisable<Shown, Patch>>(
  change: Change,
  shown: Shown,
): Change | { problem: ProblemError } {
  if (change.revision === undefined) return change
  try {
    const { sent, values, faults } = change.revision.apply(shown)
    return { ...change, sent, patch: without(values, faults), faults }
  } catch (error) {
    const isTold = error instanceof ProblemError
    return { problem: isTold ? error : new ProblemError('internal_error', { cause: error }) }
  }
}
