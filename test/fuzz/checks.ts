/** What is asked of answers: each check says what is wrong with one, or nothing. */
import { isDeepStrictEqual } from 'node:util'
import type { PublishedDocument } from '../../src/contract/document.js'
import type { Answer, Exchange } from '../../src/contract/http.js'
import { inspect } from '../../src/contract/inspect.js'

/** Codes of problems that a valid request may have all the same. */
const UNTELLABLE_PROBLEMS = ['precondition_failed', 'precondition_required', 'patch_conflict']

/** The same of faults, of one update among many too: no schema tells what is taken, or looks like a hash. */
const UNTELLABLE_FAULTS = new Set(['unique', 'stored_hash', 'mask', ...UNTELLABLE_PROBLEMS])

/** What the descriptions of parameters say, and their schemas can't. */
const UNTELLABLE_DETAILS = [
  /^Invalid page\.$/,
  /and (?:cursor|after) exclude each other\.$/,
  /: wait needs after\.$/,
  /the cursor is none of this list in this order\.$/,
]

/** What holds for every answer: the document, and that nothing of it is a failure of the service. */
export function checkAny(document: PublishedDocument, request: Exchange, answer: Answer): string[] {
  const found = inspect(document, request, answer)
  // Nobody else asks for anything: there is nothing to be busy with.
  if (answer.status >= 500) found.push(`failed with ${answer.status}`)
  return found
}

export const isAccepted = ({ status }: Answer): boolean => status < 400

/** Operations that answer a question with 404, by what their descriptions say. */
const ANSWERED_BY_404 = new Set(['checkUserPermission'])

/** A request that the document allows. */
export function checkPositive(operationId: string, answer: Answer): string[] {
  if (answer.status === 404 && ANSWERED_BY_404.has(operationId)) return []
  const problems = isAccepted(answer) ? problemsWithin(answer) : [answer.body]
  return problems
    .filter((problem) => !isUntellable(problem))
    .map((problem) => `a valid request was refused: ${JSON.stringify(problem)}`)
}

/** Those of single updates, where each has an outcome of its own. */
const problemsWithin = ({ status, body }: Answer): any[] =>
  status === 207 ? body.results.flatMap(({ problem = [] }: { problem?: object }) => problem) : []

function isUntellable(problem: any): boolean {
  const { code, detail = '', errors = [] } = problem ?? {}
  if (UNTELLABLE_PROBLEMS.includes(code)) return true
  if (UNTELLABLE_DETAILS.some((text) => text.test(detail))) return true
  return errors.length > 0 && errors.every((fault: any) => UNTELLABLE_FAULTS.has(fault.code))
}

/** A request with one thing wrong. Where each update has an outcome of its own, the wrong one has. */
export function checkNegative(answer: Answer, statuses: readonly number[]): string[] {
  if (statuses.includes(answer.status)) return []
  const within = answer.status === 207 ? answer.body.results.map(({ status }: Answer) => status) : []
  if (within.some((status: number) => statuses.includes(status))) return []
  return [`was answered with ${answer.status}, not refused with ${statuses.join(' or ')}`]
}

export const checkStatus = (answer: Answer, status: number, why: string): string[] =>
  answer.status === status ? [] : [`${why}: ${answer.status} instead of ${status}`]

/** A method that the URL lacks. */
export function checkMethod(answer: Answer, documented: readonly string[]): string[] {
  const implied = documented.includes('GET') ? ['HEAD', 'OPTIONS'] : ['OPTIONS']
  const expected = [...documented, ...implied].toSorted().join(', ')
  const allowed = (answer.headers.allow ?? '')
    .split(/\s*,\s*/)
    .toSorted()
    .join(', ')
  const found = checkStatus(answer, 405, 'a method that is not documented')
  return allowed === expected ? found : [...found, `Allow names ${allowed}, the document ${expected}`]
}

/** A public operation: whoever asks, the answer is the same. */
export const checkIndifferent = (without: Answer, given: Answer): string[] =>
  without.status === given.status && without.text === given.text
    ? []
    : [`differs with credentials that do not matter: ${without.status} and ${given.status}`]

/** What was written and what is read afterwards, by tag and whole. */
export function checkRead(written: Answer, read: Answer): string[] {
  const found = checkStatus(read, 200, 'what was written can not be read')
  if (found.length > 0) return found
  if (written.headers.etag !== read.headers.etag)
    found.push(`has the tag ${read.headers.etag}, and was written with ${written.headers.etag}`)
  const isWhole = written.headers['content-type']?.startsWith('application/json') ?? false
  if (isWhole && !isDeepStrictEqual(written.body, read.body))
    found.push(`is read as ${read.text}, and was written as ${written.text}`)
  return found
}

/** A request that was repeated with its `Idempotency-Key`. */
export function checkReplay(first: Answer, again: Answer): string[] {
  const found = checkStatus(again, first.status, 'the repeated request is answered otherwise')
  if (again.text !== first.text) found.push('the repeated request has another body')
  if (again.headers.location !== first.headers.location) found.push('and another Location')
  if (again.headers['idempotent-replayed'] !== 'true') found.push('is not said to be a repetition')
  return found
}

/** Whether a list names this thing exactly once, or does not. */
export function checkListed({ status, body }: Answer, id: number, isThere: boolean): string[] {
  const times = status === 200 ? body.results.filter((item: { id: number }) => item.id === id).length : -1
  return times === Number(isThere) ? [] : [`the list (${status}) has it ${times} times`]
}

/** A HEAD has what its GET has, but for the body. */
export function checkHead(got: Answer, head: Answer): string[] {
  const found = checkStatus(head, got.status, 'HEAD is answered otherwise than GET')
  const names = ['content-type', 'etag', 'link', 'allow']
  return [
    ...found,
    ...names
      .filter((name) => head.headers[name] !== got.headers[name])
      .map((name) => `HEAD has another ${name} than GET`),
  ]
}
