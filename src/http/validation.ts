/** Validation from the published schemas: strict for bodies, and for URLs once their texts are read as what they stand for. */
import type { TSchema } from '@sinclair/typebox'
import { Ajv2020, type ValidateFunction } from 'ajv/dist/2020.js'
import type { FastifySchemaCompiler } from 'fastify'
import type { Contract, Fault, Normalization } from '../../schemas/index.js'
import type { CheckedBody, CheckedList } from '../domain/accept-update.js'
import { parseDateTime } from '../domain/date-time.js'
import { isEmail } from '../domain/email.js'
import { normalizeText } from '../domain/text.js'
import { faultsOf } from './faults.js'

const MAX_PROPERTIES = 100

const formats = {
  'date-time': (text: string) => parseDateTime(text) !== undefined,
  email: isEmail,
  int64: true,
} as const

/**
 * The compiler that Fastify asks for each part of each route. A body becomes a `CheckedBody`; where its schema is that of an
 * array, a `CheckedList`.
 */
export function makeValidatorCompiler(contract: Contract): FastifySchemaCompiler<unknown> {
  const schemas = Object.values(contract) as TSchema[]
  const strict = makeAjv(schemas)
  return ({ schema, httpPart }) => {
    // Texts without a rule: whoever reads a header knows what may be in it.
    if (httpPart === 'headers') return () => true
    if (httpPart !== 'body') return parameterReader(schema as TSchema, strict.compile(schema as object))
    const named = schemas.find(({ $id }) => `${$id}#` === (schema as { $ref?: string }).$ref)
    const body = named ?? (schema as TSchema)
    return body.type === 'array'
      ? listReader(body, checker(body.items, strict.compile(body.items)))
      : bodyReader(checker(body, strict.compile(schema as object)))
  }
}

/** Looks at some fields, none of which must be there, as a body's would be. */
export function makeChecker<Patch>(schema: TSchema): (sent: object) => CheckedBody<Patch> {
  const { $id: _id, required: _required, ...fields } = schema
  return makeWholeChecker(fields as TSchema)
}

/** Looks at what comes by another way than a request, as a body would be. */
export function makeWholeChecker<Body>(schema: TSchema): (sent: unknown) => CheckedBody<Body> {
  const check = checker(schema, makeAjv([]).compile(schema))
  return (sent) => check(sent) as CheckedBody<Body>
}

const makeAjv = (schemas: TSchema[]) =>
  new Ajv2020({
    schemas,
    coerceTypes: false,
    allErrors: true,
    verbose: true,
    // That they are schemas is checked with the document. Compiling what checks it takes longer than compiling them all, and
    // tidying the code up for V8, which does that itself, half as long: a service starts faster without either.
    meta: false,
    validateSchema: false,
    code: { optimize: false },
    allowUnionTypes: true,
    formats,
    keywords: ['x-normalize', 'x-pattern-message'],
  })

/**
 * The parameters of a path or query, which are all text. Ajv would read `0x10`, `1e2`, `Infinity` and ` 5` as numbers, some of
 * them past their maximum. Instants become the one form that PostgreSQL always reads: it takes no offset of 16 hours.
 */
function parameterReader({ properties = {} }: TSchema, validate: ValidateFunction) {
  const all = Object.entries<TSchema>(properties)
  const read = new Map(all.filter(([, { type, format }]) => type !== 'string' || format === 'date-time'))
  if (read.size === 0) return validate
  return (parameters: unknown) => {
    const values = Object.entries(parameters as Record<string, unknown>).map(([name, text]) => [
      name,
      valueOf(read.get(name), text),
    ])
    const value: unknown = Object.fromEntries(values)
    return validate(value) ? { value } : { error: validate.errors as never }
  }
}

/** What does not stand for a value of the type stays a text, and is refused as one. */
function valueOf({ type, format }: Partial<TSchema> = {}, text: unknown): unknown {
  if (typeof text !== 'string') return text
  if (format === 'date-time') return parseDateTime(text) ?? text
  if (type === 'integer' && /^(?:0|-?[1-9]\d{0,14})$/.test(text)) return Number(text)
  if (type === 'boolean' && (text === 'true' || text === 'false')) return text === 'true'
  return text
}

/** What is asked of each body, taken out of the schema once. */
interface Rules {
  texts: { name: string; normalizations: Normalization[]; maxLength: number }[]
  lists: { name: string; maxItems: number }[]
}

function rulesOf(schema: TSchema): Rules {
  const fields = Object.entries<TSchema>(schema.properties ?? {})
  return {
    texts: fields.flatMap(([name, { 'x-normalize': normalizations, maxLength }]) =>
      normalizations === undefined ? [] : { name, normalizations, maxLength },
    ),
    lists: fields.flatMap(([name, { maxItems }]) => (maxItems === undefined ? [] : { name, maxItems })),
  }
}

type Checker = (sent: unknown) => CheckedBody<unknown>

function checker(schema: TSchema, validate: ValidateFunction): Checker {
  const rules = rulesOf(schema)
  return (sent) => {
    const values = normalized(rules, sent)
    const faults = oversize(rules, values)
    if (faults.length === 0 && !validate(values)) faults.push(...faultsOf(validate.errors!))
    return { sent, values, faults }
  }
}

/** A request without a body is one with an empty object: Fastify hands over null, which no parser gives. */
const bodyReader = (check: Checker) => (body: unknown) => ({ value: check(body ?? {}) })

/** How many there are is looked at before any of them is. */
const listReader = ({ maxItems }: TSchema, check: Checker) => {
  const listOf = (items: unknown, fault?: Omit<Fault, 'pointer'>): { value: CheckedList<unknown> } => ({
    value: {
      items: fault === undefined ? (items as unknown[]).map(check) : [],
      faults: fault === undefined ? [] : [{ pointer: '', ...fault }],
    },
  })
  return (body: unknown) => {
    if (!Array.isArray(body)) return listOf(body, { code: 'not_a_list', detail: 'A list is required.' })
    return body.length > maxItems ? listOf(body, tooMany(maxItems)) : listOf(body)
  }
}

function normalized({ texts }: Rules, sent: unknown): unknown {
  if (!isObject(sent)) return sent
  const values = { ...sent }
  for (const { name, normalizations, maxLength } of texts) {
    const value = values[name]
    if (typeof value === 'string') values[name] = normalizeText(value, normalizations, maxLength)
  }
  return values
}

/** With `allErrors`, Ajv would look at every item of a million before it says that they are too many. */
function oversize({ lists }: Rules, body: unknown): Fault[] {
  if (!isObject(body)) return []
  if (Object.keys(body).length > MAX_PROPERTIES) {
    return [
      {
        pointer: '',
        code: 'max_properties',
        detail: `Ensure there are no more than ${MAX_PROPERTIES} fields.`,
      },
    ]
  }
  const faults: Fault[] = []
  for (const { name, maxItems } of lists) {
    const value = body[name]
    if (!Array.isArray(value) || value.length <= maxItems) continue
    faults.push({ pointer: `/${name}`, ...tooMany(maxItems) })
  }
  return faults
}

const tooMany = (maxItems: number) => ({
  code: 'max_items',
  detail: `Ensure the list has no more than ${maxItems} items.`,
})

const isObject = (value: unknown): value is Record<string, unknown> =>
  typeof value === 'object' && value !== null && !Array.isArray(value)
