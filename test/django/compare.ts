/** Where an outcome of ours is another than Django's. */
import { isDeepStrictEqual } from 'node:util'
import { OWN_MEMBERS } from '../../src/cli/compare/differences.js'
import type { Change, Outcome } from './cases.js'

/** One thing that is not the same, such as `status`, `auth_user.email` or `body.email`. */
export interface Difference {
  what: string
  django: unknown
  ours: unknown
}

/** The column, the table or the member that a difference is in. */
export const named = ({ what }: Difference): string =>
  what
    .replace(/^(\w+)\[[^\]]*\]$/, '$1')
    .split('.')
    .at(-1)!

export function compare(django: Outcome, ours: Outcome): Difference[] {
  const found: Difference[] = []
  const look = (what: string, a: unknown, b: unknown) => {
    if (!isDeepStrictEqual(a, b)) found.push({ what, django: a, ours: b })
  }
  look('status', django.status, ours.status)
  for (const [what, [a, b]] of paired(cellsOf(django.changes), cellsOf(ours.changes))) look(what, a, b)
  for (const [what, [a, b]] of paired(django.target, ours.target)) look(`target.${what}`, a, b)
  for (const [clear, matches] of Object.entries(django.passwords)) {
    // Tried only where one was written; that it was is a change of the row.
    const own = ours.passwords[clear]
    if (own !== undefined) look('password', `${clear}: ${matches}`, `${clear}: ${own}`)
  }
  if (django.status === 400 && django.kind === 'json') look('fields', fieldsOf(django), fieldsOf(ours))
  if (django.kind === 'json' && 'detail' in django.body) look('detail', 'string', typeof ours.body?.detail)
  if (django.status < 300 && !(ours.status >= 400)) {
    look('kind', django.kind, ours.kind)
    for (const [what, [a, b]] of paired(django.body, ours.body)) look(`body.${what}`, a, b)
  }
  return found
}

/** The members of a refusal that name a field, or `non_field_errors`. */
export const fieldsOf = ({ body }: Outcome): string[] =>
  Object.keys(body ?? {})
    .filter((name) => !OWN_MEMBERS.has(name))
    .sort()

/** Each changed cell under its own name, so that one of them may differ on purpose. */
function cellsOf(changes: Change[]): Record<string, unknown> {
  const cells: Record<string, unknown> = {}
  for (const { table, op, key, row, cols } of changes) {
    const name = `${table}[${key.join()}]`
    if (op === 'delete') cells[name] = 'deleted'
    for (const [column, value] of Object.entries(row ?? cols ?? {})) cells[`${name}.${column}`] = value
    if (op === 'insert') cells[name] = 'inserted'
  }
  return cells
}

function paired(a: unknown, b: unknown): [string, [unknown, unknown]][] {
  if (!isObject(a) || !isObject(b)) return [['body', [a, b]]]
  return [...new Set([...Object.keys(a), ...Object.keys(b)])].map((name) => [name, [a[name], b[name]]])
}

const isObject = (value: unknown): value is Record<string, unknown> =>
  typeof value === 'object' && value !== null && !Array.isArray(value)
