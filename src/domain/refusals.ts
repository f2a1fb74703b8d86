/** How refusals are told and recorded, whatever is changed. */
import { ProblemError } from '../errors.js'
import type { Queryable, Transaction } from '../db/database.js'
import { permissionNames } from '../db/references.js'
import type { Actor } from './actor.js'
import { type Caller, findActors } from './callers.js'
import type { Refusal } from './privileges.js'

/** What somebody who may not do it is told: the fields, and what the permissions that are missing are called. */
export async function deniedProblem(
  db: Queryable,
  { fields, missingPermissions }: Refusal,
  detail: string,
): Promise<ProblemError> {
  return new ProblemError('permission_denied', {
    detail,
    errors: fields.map(({ field, reason }) => ({
      pointer: `/${field}`,
      code: 'permission_denied',
      detail: reason,
    })),
    missingPermissions: await permissionNames(db, [...missingPermissions]),
  })
}

/** The same for the audit. */
export const reasonOf = ({ fields }: Refusal, { details }: ProblemError) => ({
  fields: fields.map(({ field }) => field),
  missing_permissions: details.missingPermissions,
})

/** Who calls, or why it may not: it was looked up together with what is changed. */
export function admissionOf(caller: Caller, found: Actor | undefined): Actor | ProblemError {
  try {
    return caller.admit(found)
  } catch (error) {
    if (error instanceof ProblemError) return error
    throw error
  }
}

/**
 * Who calls, as of now. First in a transaction: rights are those of its beginning, and not of the end of a wait for locks.
 * @throws ProblemError where it may not make this request any more
 */
export async function admit(transaction: Transaction, caller: Caller): Promise<Actor> {
  const [found] = await findActors(transaction, [caller.credential])
  return caller.admit(found)
}
