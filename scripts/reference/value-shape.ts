/** What values a schema of the document allows, in words. */
import { anchorOf, code } from './markdown.js'

/** A schema of OpenAPI 3.1, as far as it is told of. */
export interface Schema {
  $ref?: string
  type?: string | string[]
  title?: string
  description?: string
  format?: string
  pattern?: string
  enum?: unknown[]
  const?: unknown
  default?: unknown
  examples?: unknown[]
  minLength?: number
  maxLength?: number
  minimum?: number
  maximum?: number
  minItems?: number
  maxItems?: number
  uniqueItems?: boolean
  items?: Schema
  properties?: Record<string, Schema>
  required?: string[]
  anyOf?: Schema[]
  readOnly?: boolean
  writeOnly?: boolean
  'x-pattern-message'?: string
}

/** Such as "text, 1 to 150 characters" or "list of integers, up to 1000, each once". */
export function shapeOf(schema: Schema): string {
  if (schema.$ref !== undefined) return linkTo(schema.$ref)
  if (schema.type === undefined && schema.anyOf !== undefined)
    return [...new Set(schema.anyOf.map(shapeOf))].join(', or ')
  return [nameOf(schema), ...limitsOf(schema)].filter((part) => part !== '').join(', ')
}

/** To its own section on the same page. */
function linkTo(reference: string): string {
  const name = reference.split('/').at(-1)!
  return `[${name}](#${anchorOf(name)})`
}

const NAMES: Record<string, string> = { string: 'text', boolean: '`true` or `false`', null: '`null`' }

function nameOf({ type, enum: values, const: value, format, items }: Schema): string {
  if (value !== undefined) return code(JSON.stringify(value))
  if (values !== undefined) return values.map((each) => code(JSON.stringify(each))).join(', ')
  const types = [type ?? []].flat().map((each) => {
    if (each === 'array') return `list of ${items === undefined ? 'values' : shapeOf(items)}`
    if (each === 'string' && format !== undefined) return format
    return NAMES[each] ?? each
  })
  return types.join(' or ') || 'anything'
}

function limitsOf(schema: Schema): string[] {
  return [
    range(schema.minLength, schema.maxLength, ' characters'),
    range(schema.minimum, schema.maximum, ''),
    range(schema.minItems, schema.maxItems, ' items'),
    schema.uniqueItems === true ? 'each once' : '',
    patternOf(schema),
  ]
}

function range(least: number | undefined, most: number | undefined, unit: string): string {
  if (least === undefined && most === undefined) return ''
  if (most === undefined) return `at least ${least}${unit}`
  return least === undefined || least === 0 ? `up to ${most}${unit}` : `${least} to ${most}${unit}`
}

/** A message that is a sentence is for whoever got it wrong: the description says as much. */
function patternOf({ pattern = '', 'x-pattern-message': message }: Schema): string {
  if (message === undefined) return code(pattern)
  return /^\p{Ll}/u.test(message) ? message : ''
}
