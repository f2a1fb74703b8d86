/** Whether what came out is what a page shows. `…` stands for anything; what differs from run to run is compared by its shape. */
import { parse } from 'yaml'

const SHAPES: [RegExp, string][] = [
  [/\d{4}-\d\d-\d\d[T ]\d\d:\d\d(?::\d\d(?:\.\d+)?)?(?:Z|[+-]\d\d(?::?\d\d)?)?/g, '<time>'],
  [/\b[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}\b/g, '<uuid>'],
  [/\buak_[\w-]+/g, '<key>'],
  [/\b[0-9a-f]{32,}\b/g, '<hex>'],
  // Of the checkout, whoever's it is.
  [/(?:\/[\w.-]+)+\/fastify-user-admin\b/g, '<checkout>'],
  [/\b\d+(?:\.\d+)? ?(?:ms|s|seconds?)\b/g, '<duration>'],
]

export const shapeOf = (text: string): string =>
  SHAPES.reduce((shaped, [pattern, shape]) => shaped.replace(pattern, shape), text)

/** Widths of columns depend on what is in them. */
const lineOf = (text: string): string => shapeOf(text).trimEnd().replace(/ {2,}/g, '  ')

/**
 * @param whole whether nothing may stand before or after; a line `…` stands for any number of lines
 */
export function matchesText(shown: string, real: string, whole: boolean): boolean {
  const lines = shown.trim().split('\n').map(lineOf)
  const pattern = lines.map((line) => (line === '…' ? '(?:.*\n)*?' : `${patternOf(line)}\n`)).join('')
  const [begin, end] = whole ? ['^', '$'] : ['(?:^|\n)', '']
  const text = real.trim().split('\n').map(lineOf).join('\n')
  return new RegExp(`${begin}${pattern}${end}`).test(`${text}\n`)
}

/** All that was written, or its last line. What is shown may leave out what `…` stands for: in a text, for a value, among the members or the items. */
export function matchesJson(shown: string, real: string): boolean {
  // YAML's flow style is JSON in which `…` may stand by itself.
  return [real, real.trim().split('\n').at(-1)!].some(
    (text) => isJson(text) && matchesValue(parse(shown), JSON.parse(text)),
  )
}

function isJson(text: string): boolean {
  try {
    JSON.parse(text)
    return true
  } catch {
    return false
  }
}

function matchesValue(shown: unknown, real: unknown): boolean {
  if (shown === '…') return true
  if (typeof shown === 'string')
    return typeof real === 'string' && new RegExp(`^${patternOf(shapeOf(shown))}$`, 's').test(shapeOf(real))
  if (Array.isArray(shown)) return Array.isArray(real) && matchesItems(shown, real)
  if (isObject(shown)) return isObject(real) && matchesMembers(shown, real)
  return shown === real
}

function matchesItems(shown: unknown[], real: unknown[]): boolean {
  if (shown.length === 0) return real.length === 0
  const [first, ...rest] = shown
  if (first === '…') return real.some((_, at) => matchesItems(rest, real.slice(at))) || rest.length === 0
  return real.length > 0 && matchesValue(first, real[0]) && matchesItems(rest, real.slice(1))
}

function matchesMembers({ '…': more, ...shown }: Members, real: Members): boolean {
  const names = Object.keys(shown)
  const sameNames = more === null || Object.keys(real).length === names.length
  return (
    sameNames && names.every((name) => Object.hasOwn(real, name) && matchesValue(shown[name], real[name]))
  )
}

type Members = Record<string, unknown>

const isObject = (value: unknown): value is Members =>
  typeof value === 'object' && value !== null && !Array.isArray(value)

const patternOf = (text: string): string =>
  text
    .split('…')
    .map((part) => part.replace(/[\\^$.*+?()[\]{}|/]/g, '\\$&'))
    .join('.*')
