/** Refusals and failures as errors, whose `code` is one of the document's. */
import type { components } from './schema.js'

/** Problem details (RFC 9457), as the service answers them. */
export type Problem = components['schemas']['Problem']

/** Every kind of problem, to switch on. */
export type ProblemCode = Problem['code']

/** What is wrong with one value of a request. */
export type Fault = NonNullable<Problem['errors']>[number]

/** The service refused a request, or failed. */
export class ProblemError extends Error {
  override readonly name = 'ProblemError'
  /** The kind of problem. */
  readonly code: ProblemCode
  /** The status code of the answer. */
  readonly status: number
  /** Every fault of the body, or every field refused. */
  readonly errors: readonly Fault[]
  /** The permissions that the caller would need to hold. */
  readonly missingPermissions: readonly string[]
  /** Names the request in the log of the service. */
  readonly requestId: string | undefined
  /** When to try again, where the service says so. */
  readonly retryAfterSeconds: number | undefined

  constructor(
    /** The whole document. */
    readonly problem: Problem,
    /** The answer, its body read. */
    readonly response: Response,
  ) {
    const { title, detail, errors = [] } = problem
    super(detail ?? [title, ...errors.map((fault) => `${fault.pointer} ${fault.detail}`)].join('; '))
    this.code = problem.code
    this.status = response.status
    this.errors = errors
    this.missingPermissions = problem.missing_permissions ?? []
    this.requestId = problem.request_id
    const seconds = Number.parseInt(response.headers.get('retry-after') ?? '', 10)
    this.retryAfterSeconds = Number.isNaN(seconds) ? undefined : seconds
  }
}

/** A failure that is no problem document: something between here and the service answered. */
export class UnexpectedAnswerError extends Error {
  override readonly name = 'UnexpectedAnswerError'
  readonly status: number

  constructor(
    /** The answer, its body read. */
    readonly response: Response,
  ) {
    super(`HTTP ${response.status}, and no problem document`)
    this.status = response.status
  }
}

/** What a request of the client resolves to. */
export interface Answered {
  data?: unknown
  error?: unknown
  response: Response
}

/** The data of an answer that is no refusal. */
export type DataOf<A extends Answered> = Extract<A, { error?: never }>['data']

/**
 * The data of an answer: `const user = await dataOf(client.GET(…))`.
 * @throws ProblemError where the request was refused, or failed
 * @throws UnexpectedAnswerError where something else than the service refused it
 */
export async function dataOf<A extends Answered>(answer: A | PromiseLike<A>): Promise<DataOf<A>> {
  const { data, error, response } = await answer
  if (response.ok) return data as DataOf<A>
  throw isProblem(error) ? new ProblemError(error, response) : new UnexpectedAnswerError(response)
}

const isProblem = (error: unknown): error is Problem =>
  typeof (error as Partial<Problem> | null | undefined)?.code === 'string'
