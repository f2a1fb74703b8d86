/** The one renderer of refusals and failures: problem details (RFC 9457), with the members that a DRF client reads. */
import type { ErrorObject } from 'ajv'
import type { FastifyError, FastifyReply, FastifyRequest } from 'fastify'
import { type Fault, type Problem, type ProblemCode } from '../../schemas/index.js'
import { fieldOf, ProblemError } from '../errors.js'
import { problemOf } from '../db/sqlstate.js'
import { JSON_MEDIA_TYPE } from './route.js'

export const PROBLEM_MEDIA_TYPE = 'application/problem+json; charset=utf-8'

/** The most faults that one answer lists. */
const MAX_FAULTS = 100

/** Members of a problem that no field of a body may overwrite. */
const RESERVED = new Set([
  'type',
  'title',
  'status',
  'code',
  'detail',
  'errors',
  'request_id',
  'missing_permissions',
  '__proto__',
])

/** Fastify's own refusals, by what they are in the catalogue. The rest goes by its status. */
const CODES: Record<string, ProblemCode> = {
  FST_ERR_CTP_INVALID_MEDIA_TYPE: 'unsupported_media_type',
  FST_ERR_CTP_EMPTY_TYPE: 'unsupported_media_type',
  FST_ERR_CTP_BODY_TOO_LARGE: 'payload_too_large',
  FST_ERR_VALIDATION: 'invalid',
}
const STATUS_CODES: Record<number, ProblemCode> = {
  404: 'not_found',
  408: 'request_timeout',
  413: 'payload_too_large',
  414: 'uri_too_long',
  415: 'unsupported_media_type',
  431: 'headers_too_large',
  503: 'busy',
}

/** What a refusal says in its headers, whoever found the reason. */
function headersOf({ code }: ProblemError, { routeOptions }: FastifyRequest): Record<string, string> {
  if (code !== 'unsupported_media_type') return {}
  const { patchTypes = [JSON_MEDIA_TYPE] } = (routeOptions.config ?? {}) as { patchTypes?: string[] }
  return { 'accept-patch': patchTypes.join(', ') }
}

/** The problem that an error of any origin is answered with. */
export function toProblem(error: unknown): ProblemError {
  if (error instanceof ProblemError) return error
  const { code = '', statusCode = 500, validation } = error as Partial<FastifyError>
  if (validation) {
    const details = new Set((validation as ErrorObject[]).map(parameterFault))
    return new ProblemError('invalid', { detail: `The URL is not valid: ${[...details].join('; ')}.` })
  }
  const known = CODES[code] ?? STATUS_CODES[statusCode]
  if (known) return new ProblemError(known, { cause: error })
  if (statusCode >= 400 && statusCode < 500) return new ProblemError('bad_request', { cause: error })
  return problemOf(error)
}

/** What is wrong with one parameter of a URL. */
function parameterFault({ instancePath, keyword, params, parentSchema, data, message }: ErrorObject): string {
  const name = instancePath.slice(1)
  if (params.additionalProperty !== undefined)
    return `there is no parameter ${JSON.stringify(String(params.additionalProperty).slice(0, 100))}`
  if (Array.isArray(data)) return `${name} is given more than once`
  if (keyword === 'type') return `${name} must be ${TYPE_NAMES[params.type] ?? `a ${params.type}`}`
  if (keyword === 'enum') return `${name} must be one of: ${params.allowedValues.filter(Boolean).join(', ')}`
  const own: string | undefined = keyword === 'pattern' ? parentSchema?.['x-pattern-message'] : undefined
  // Most say what the parameter must do; a sentence stands for itself.
  const text = own?.replace(/\.$/, '') ?? message ?? ''
  return /^\p{Lu}/u.test(text) ? `${name}: ${text}` : `${name} ${text}`
}

const TYPE_NAMES: Record<string, string> = { integer: 'a whole number', boolean: 'true or false' }

/** A problem as it is answered. `documentation` is the URL of the page that lists every code. */
export function renderProblem(problem: ProblemError, requestId: string, documentation: string): Problem {
  const { detail, missingPermissions } = problem.details
  const errors = problem.details.errors?.slice(0, MAX_FAULTS)
  const body: Problem = {
    type: `${documentation}#${problem.code}`,
    title: problem.title,
    status: problem.status,
    code: problem.code,
    request_id: requestId,
  }
  if (errors) body.errors = errors
  if (detail !== undefined || !errors) body.detail = detail ?? problem.title
  if (missingPermissions?.length) body.missing_permissions = [...missingPermissions]
  return problem.code === 'invalid' && errors ? { ...body, ...membersByField(errors) } : body
}

/** `{"username": ["…"]}`, as Django REST Framework answers faults; those of the body itself are `non_field_errors`. */
function membersByField(faults: readonly Fault[]): Record<string, string[]> {
  // Without a prototype: a field may be called `constructor`.
  const members: Record<string, string[]> = Object.create(null)
  for (const fault of faults) {
    const name = fieldOf(fault) ?? 'non_field_errors'
    if (RESERVED.has(name)) continue
    const messages = (members[name] ??= [])
    if (!messages.includes(fault.detail)) messages.push(fault.detail)
  }
  return members
}

/** Answers with the problem, and gives the log what it needs: all of a defect, little of a refusal. */
export function sendProblem(
  error: unknown,
  request: FastifyRequest,
  reply: FastifyReply,
  documentation: string,
): void {
  const problem = toProblem(error)
  const cause = problem.details.cause ?? (problem.code === 'internal_error' ? error : undefined)
  // While the database is down every request says so: one line each is enough.
  if (problem.status === 503)
    request.log.warn({ code: problem.code, reason: (cause as Error)?.message }, problem.message)
  else if (problem.status >= 500) request.log.error({ err: cause, code: problem.code }, problem.message)
  else if (cause !== undefined && problem.code === 'invalid')
    request.log.warn({ err: cause }, 'a value was refused late')
  reply
    .code(problem.status)
    .headers({ 'cache-control': 'no-store', ...headersOf(problem, request), ...problem.details.headers })
    .header('content-type', PROBLEM_MEDIA_TYPE)
    // Serialised here: the answer has members that no schema can name.
    .serializer((payload: unknown) => payload as string)
    .send(JSON.stringify(renderProblem(problem, request.id, documentation)))
}
