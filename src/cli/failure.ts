/** From whatever went wrong to what is said on standard error. */
import { type Problem, ProblemError } from '../client/problems.js'
import { ConfigError } from '../config/error.js'
import { PendingMigrationsError } from '../db/migration-errors.js'
import { SetupError } from '../errors.js'
import { COMMAND } from './names.js'

/** What the command line ends with where it does not end well. */
export const FAILED = 1
export const MISUSED = 2

/** A failure whose message says all that there is to say: what is wrong, and what to do. */
export class CommandError extends Error {
  override readonly name = 'CommandError'
  /** What the command line ends with. */
  readonly exitCode: number

  constructor(message: string, { exitCode = FAILED, ...options }: ErrorOptions & { exitCode?: number } = {}) {
    super(message, options)
    this.exitCode = exitCode
  }
}

/** What can't be meant: nothing was done, or asked. */
export const misused = (message: string): CommandError => new CommandError(message, { exitCode: MISUSED })

/** A file, or what stands for one, that does not take what is to be written. */
export const unwritable = (name: string, { message }: Error): CommandError =>
  new CommandError(`${name} can't be written: ${message}`)

/** Whether whoever reads what is written is gone. */
export const isBrokenPipe = (error: unknown): boolean => (error as NodeJS.ErrnoException).code === 'EPIPE'

/** Whether the message of an error is for operators as it is. */
export const isExpected = (error: unknown): error is Error =>
  error instanceof CommandError || error instanceof SetupError

/** A failure in words for the operator; with its stack where nobody expected it. */
export function explain(error: unknown): string {
  if (error instanceof ConfigError) {
    return `These settings can't be used:\n${error.message.replaceAll(/^/gm, '  ')}`
  }
  if (error instanceof PendingMigrationsError) {
    return `${error.message} Either: ${COMMAND} migrate, or MIGRATE=on.`
  }
  if (isExpected(error)) return error.message
  // Not the error as Node.js prints it: members of it may hold a URL with its password, or values of rows.
  return `This was not expected. ${error instanceof Error ? (error.stack ?? error.message) : String(error)}`
}

/** A failure as JSON has it: the same words, and the problem document where a service refused. */
export function explainAsJson(error: unknown): { error: string; problem?: Problem } {
  const cause = error instanceof CommandError ? error.cause : undefined
  return { error: explain(error), ...(cause instanceof ProblemError && { problem: cause.problem }) }
}

/** Why there was no answer: what fetch says is "fetch failed"; the reason is its cause, or those of every address. */
export function fetchFailure(error: unknown): string {
  if (!(error instanceof Error)) return String(error)
  if (error.name === 'TimeoutError') return 'it took too long'
  if (error.cause instanceof AggregateError)
    return error.cause.errors.map(({ message }: Error) => message).join(', ')
  return error.cause instanceof Error ? error.cause.message : error.message
}
