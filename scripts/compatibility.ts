/** What of a change of the OpenAPI document breaks a consumer, as `docs/versioning.md` defines it. */
import { apiDiff, type Diff } from 'api-smart-diff'

/** A document of OpenAPI, read. */
export type Document = Record<string, any>

/** Keywords that say how wide a value may be. What a request may have more of, an answer may have as well. */
const LIMITS = ['maxLength', 'minLength', 'maximum', 'minimum', 'maxItems', 'minItems', 'pattern']
/** Fields of answers that get values that there were none of: codes of problems, and kinds of events. */
const OPEN_ENUMS = ['code', 'action']

/** @returns a line for each thing that breaks; none where every consumer can stay as it is */
export function breakingChanges(before: Document, after: Document): string[] {
  const lines = [
    ...apiDiff(before, after).filter(breaksOperation).map(told),
    ...renamedOperations(before, after),
    ...missing('The schema', schemasOf(before), schemasOf(after)),
    ...missing('The code', codesOf(before), codesOf(after)),
  ]
  return [...new Set(lines)]
}

/** Components count where an operation uses them: in a request other things break than in an answer. */
function breaksOperation(difference: Diff): boolean {
  const { path, type, action } = difference
  if (path[0] !== 'paths') return false
  const isAnswer = path.includes('responses')
  const types = typesIn(difference)
  if (types !== undefined)
    return isAnswer ? !fitsIn(types.after, types.before) : !fitsIn(types.before, types.after)
  if (type !== 'breaking') return false
  if (!isAnswer) return true
  const [field = '', keyword = ''] = path.slice(-3).map(String)
  if (LIMITS.includes(String(path.at(-1)))) return false
  return !(keyword === 'enum' && action === 'add' && OPEN_ENUMS.includes(field))
}

/** The types of a value, or those of them that come or go. The library judges them without asking which way they go. */
function typesIn({ path, before, after }: Diff): { before: string[]; after: string[] } | undefined {
  const isWhole = path.at(-1) === 'type' && before !== undefined && after !== undefined
  const isOne = path.at(-2) === 'type' && typeof path.at(-1) === 'number'
  if (!isWhole && !isOne) return undefined
  return { before: [before ?? []].flat(), after: [after ?? []].flat() }
}

const fitsIn = (types: string[], others: string[]): boolean =>
  types.every((type) => others.includes(type) || (type === 'integer' && others.includes('number')))

function told({ path, action, before, after }: Diff): string {
  const [, url, method, ...rest] = path
  const where = [method && String(method).toUpperCase(), url, rest.join(' › ')].filter(Boolean).join(' ')
  const what =
    action === 'replace'
      ? `${JSON.stringify(before)} became ${JSON.stringify(after)}`
      : (DONE[action] ?? action)
  return `${where}: ${what}`
}

const DONE: Record<string, string> = { add: 'added', remove: 'gone', rename: 'renamed' }

/** Clients that are generated call them by these names. */
function renamedOperations(before: Document, after: Document): string[] {
  const now = new Map(operationsOf(after))
  return operationsOf(before).flatMap(([operation, id]) => {
    const other = now.get(operation)
    return other === undefined || other === id ? [] : [`${operation}: operationId ${id} became ${other}`]
  })
}

const operationsOf = ({ paths }: Document): [string, string][] =>
  Object.entries<Document>(paths).flatMap(([url, methods]) =>
    Object.entries<Document>(methods).map(([method, { operationId }]): [string, string] => [
      `${method.toUpperCase()} ${url}`,
      operationId,
    ]),
  )

const schemasOf = ({ components }: Document): string[] => Object.keys(components.schemas)
const codesOf = ({ components }: Document): string[] => components.schemas.Problem.properties.code.enum

const missing = (kind: string, before: readonly string[], after: readonly string[]): string[] =>
  before.filter((name) => !after.includes(name)).map((name) => `${kind} ${name}: gone`)

/** Whether a version may break what another promises: the first number is another, or before 1.0.0 the second. */
export function mayBreak(released: string, next: string): boolean {
  const [old, wanted] = [released, next].map((version) => version.split('.').map(Number))
  return old![0] !== wanted![0] || (wanted![0] === 0 && old![1] !== wanted![1])
}
