/** Content negotiation (RFC 9110 §12.5.1), as far as there is something to negotiate: JSON is all that is spoken. */
import { ProblemError } from '../errors.js'
import { DRY_RUN_MEDIA_TYPE, JSON_MEDIA_TYPE } from './route.js'

const JSON_RANGES = new Set(['*/*', 'application/*', JSON_MEDIA_TYPE, DRY_RUN_MEDIA_TYPE])

/** @throws `not_acceptable` where the header excludes JSON. */
export function requireJsonAccepted(accept: string | undefined): void {
  if (accept === undefined || accept === '*/*' || accept === 'application/json') return
  if (accept.split(',').some(takesJson)) return
  throw new ProblemError('not_acceptable', { detail: 'Could not satisfy the request Accept header.' })
}

function takesJson(range: string): boolean {
  const [type = '', ...parameters] = range.split(';').map((part) => part.trim().toLowerCase())
  return JSON_RANGES.has(type) && !parameters.some((parameter) => /^q\s*=\s*0(?:\.0*)?$/.test(parameter))
}
