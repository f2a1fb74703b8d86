/** What a refusal of the service, or the want of an answer, means to whoever typed the command. */
import { ProblemError, UnexpectedAnswerError } from '../../client/index.js'
import { CommandError, fetchFailure } from '../failure.js'

/** Where the service is, and where the key came from. */
export interface Place {
  url: string
  keySource: string
}

/** What to do, by the code of the problem. */
const ADVICE: Partial<Record<ProblemError['code'], (place: Place) => string>> = {
  authentication_failed: ({ keySource }) => `Check the key in ${keySource}.`,
  not_found: ({ url }) =>
    `Nobody has that id there, or ${url} is not the API: then say with --url where it is.`,
  precondition_failed: () => 'Somebody else changed it meanwhile. Nothing was done: try again.',
}

/** @returns an error that says what to do; errors that are not the service's are returned as they are */
export function explainService(error: unknown, place: Place): unknown {
  const said = describe(error, place)
  return said === undefined ? error : new CommandError(said, { cause: error })
}

function describe(error: unknown, place: Place): string | undefined {
  if (error instanceof ProblemError) return describeProblem(error, place)
  const check = `Check that ${place.url} is the API, with --url or USER_ADMIN_URL.`
  if (error instanceof UnexpectedAnswerError) return `${error.message}. ${check}`
  if (error instanceof SyntaxError) return `The answer is no JSON. ${check}`
  if (error instanceof TypeError && error.cause !== undefined)
    return `No service answers at ${place.url}: ${fetchFailure(error)}. Start it, or say with --url where it is.`
  return undefined
}

function describeProblem(error: ProblemError, place: Place): string {
  const { problem, errors, missingPermissions, requestId } = error
  const lines = [
    `${problem.detail ?? `${problem.title}.`} (${error.status} ${error.code})`,
    ...errors.map(({ pointer, detail }) => `  ${pointer.slice(1) || 'body'}: ${detail}`),
    ...(missingPermissions.length > 0 ? [`  missing permissions: ${missingPermissions.join(', ')}`] : []),
    ...(error.status >= 500 && requestId !== undefined ? [`  request in the log: ${requestId}`] : []),
  ]
  const advice = ADVICE[error.code]?.(place)
  return [...lines, ...(advice === undefined ? [] : [advice])].join('\n')
}
