/** What is printed of each request: for people, or as one JSON object a line. */
import { plain } from '../output.js'
import { RECORD } from './departures.js'
import type { Difference, Kind } from './differences.js'
import type { Answer, Request } from './exchange.js'

export type Verdict = 'same' | 'known' | 'different'

/** One request, and what came of it. */
export interface Finding {
  request: Request
  django: Answer
  service: Answer
  differences: Difference[]
}

/** Of many differences in one answer, such as a page of users, the first ones tell enough. */
const MAX_SHOWN = 20
const MAX_TEXT = 160

const RANK: Record<Kind, Verdict> = { format: 'known', known: 'known', different: 'different' }

export function verdictOf({ differences }: Finding): Verdict {
  const verdicts = differences.map(({ kind }) => RANK[kind])
  return verdicts.includes('different') ? 'different' : (verdicts[0] ?? 'same')
}

export function asJson(finding: Finding): string {
  const { request, django, service, differences } = finding
  const { name, method, path } = request
  return JSON.stringify({
    name,
    method,
    path,
    verdict: verdictOf(finding),
    django: django.status,
    service: service.status,
    differences: differences.map(({ rows, ...difference }) =>
      rows === undefined ? difference : { ...difference, record: RECORD, rows },
    ),
  })
}

export function asText(finding: Finding): string {
  const { request, differences } = finding
  const shown = differences.slice(0, MAX_SHOWN).map((difference) => `           ${describe(difference)}`)
  const rest = differences.length - shown.length
  const lines = [
    `${verdictOf(finding).padEnd(9)}  ${request.name}`,
    ...shown,
    ...(rest > 0 ? [`           and ${rest} more`] : []),
  ]
  return lines.map(plain).join('\n')
}

function describe({ kind, at, django, service, why, rows }: Difference): string {
  const what = `${at || 'body'}: ${show(django)} in Django, ${show(service)} here`
  const reason = why === undefined ? '' : `. ${clip(why)}`
  if (kind === 'format') return `${what} (the same, written otherwise)`
  return rows === undefined ? what + reason : `${what} (0003: ${rows.join('; ')})`
}

function show(value: unknown): string {
  if (value === undefined) return 'nothing'
  return clip(typeof value === 'string' && WORDS.has(value) ? value : JSON.stringify(value))
}

/** What is said of a value, and is none. */
const WORDS = new Set(['allowed', 'refused', '(hidden)', 'a text'])

const clip = (text: string): string => (text.length > MAX_TEXT ? `${text.slice(0, MAX_TEXT)}…` : text)
