/** How refusals are told and recorded, whatever is changed. */
import { ProblemError } from '../errors.js'
import type { Queryable, Transaction } from '../db/database.js'
import { permissionNames } from '../db/references.js'
import { isReferredTo, tableOf } from '../db/sqlstate.js'
import type { Actor } from './actor.js'
import { type Caller, findActors } from './callers.js'
import type { Refusal } from './privileges.js'

/** What the permissions are called that refusals say are missing: read once for all of them. */
export const namesFor = (db: Queryable, refusals: readonly Refusal[]): Promise<Map<number, string>> =>
  permissionNames(db, [...new Set(refusals.flatMap(({ missingPermissions }) => [...missingPermissions]))])

/** What somebody who may not do it is told: the fields, and what the permissions that are missing are called. */
export const deniedProblem = (
  { fields, missingPermissions }: Refusal,
  names: ReadonlyMap<number, string>,
  detail: string,
): ProblemError =>
  new ProblemError('permission_denied', {
    detail,
    errors: fields.map(({ field, reason }) => ({
      pointer: `/${field}`,
      code: 'permission_denied',
      detail: reason,
    })),
    missingPermissions: [...names].filter(([id]) => missingPermissions.has(id)).map(([, name]) => name),
  })

/** The same of a request without a body: there is no field that could be named. */
export function bodilessProblem(
  refusal: Refusal,
  names: ReadonlyMap<number, string>,
  what: string,
): ProblemError {
  const detail = `You do not have permission to ${what}. ${refusal.fields[0]!.reason}`
  const { errors: _none, ...details } = deniedProblem(refusal, names, detail).details
  return new ProblemError('permission_denied', details)
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

/** Says which table refers to what was to be deleted; throws on what else the database reports. */
export const tellInUse =
  (what: string) =>
  (error: unknown): never => {
    if (!isReferredTo(error)) throw error
    throw new ProblemError('in_use', {
      detail: `Rows of the table ${tableOf(error)} refer to this ${what}.`,
      cause: error,
    })
  }
