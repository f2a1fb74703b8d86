/** Values from the schemas of the document: those that they allow, and those that break one keyword of them. */
import fc, { type Arbitrary } from 'fast-check'
import type { PublishedDocument, Schema } from '../../src/contract/document.js'
import { allowed, broken, type FieldSchema } from '../properties/arbitraries.js'

/** What a name stands for beyond its schema: ids of what exists, conditions, cursors. */
export type Meaning = (name: string) => Arbitrary<unknown> | undefined

/** A value that breaks its schema in one place. */
export interface Broken {
  /** Where and how, such as `/username maxLength`. */
  what: string
  value: unknown
}

const leaf = (schema: Schema) => schema as unknown as FieldSchema

const isObject = ({ type }: Schema): boolean => type === 'object'
const isListOfObjects = ({ type, items }: Schema): boolean => type === 'array' && isObject(items!)

/** Generates by the schemas of one document. */
export class Values {
  constructor(
    private readonly document: PublishedDocument,
    private readonly meaning: Meaning,
  ) {}

  resolve(schema: Schema): Schema {
    return schema.$ref === undefined ? schema : this.document.schema(schema.$ref.split('/').at(-1)!)
  }

  /** Values that the schema allows, and that mean something where their name has a meaning. */
  valid(reference: Schema, name = ''): Arbitrary<unknown> {
    const schema = this.resolve(reference)
    const { type, enum: choices, pattern, maxLength = Infinity } = schema
    const meant = this.meaning(name)
    if (meant !== undefined) return meant
    if (choices !== undefined) return fc.constantFrom(...choices)
    if (type === undefined && schema.anyOf === undefined) return fc.jsonValue({ maxDepth: 2 })
    if (isObject(schema)) return this.#object(schema)
    if (isListOfObjects(schema)) return this.#list(schema.items!)
    if (type === 'array') return allowed(leaf(schema), []).map(({ sent }) => sent)
    if (type === 'integer') return integers(schema)
    if (type === 'string' && schema.format === undefined && schema.maxLength === undefined) {
      const texts = pattern === undefined ? fc.string() : fc.stringMatching(new RegExp(pattern, 'u'))
      return texts.filter(({ length }) => length <= maxLength)
    }
    return allowed(leaf(schema)).map(({ sent }) => sent)
  }

  #object({ properties = {}, required = [] }: Schema): Arbitrary<Record<string, unknown>> {
    const fields = Object.entries(properties).map(([name, property]) => [name, this.valid(property, name)])
    return fc.record(Object.fromEntries(fields), { requiredKeys: required, noNullPrototype: true })
  }

  /** What has an id is named once. */
  #list(items: Schema): Arbitrary<unknown[]> {
    const each = this.#object(items)
    const isNamed = items.required?.includes('id') ?? false
    if (!isNamed) return fc.array(each, { maxLength: 4 })
    return fc.uniqueArray(each, { maxLength: 4, selector: ({ id }) => id })
  }

  /** The value with exactly one thing of it broken. Undefined where the schema allows everything. */
  breakOne(reference: Schema, value: unknown): Arbitrary<Broken> | undefined {
    const schema = this.resolve(reference)
    if (isObject(schema)) return this.#breakObject(schema, value as Record<string, unknown>)
    if (isListOfObjects(schema)) return this.#breakList(schema, value as unknown[])
    const faults = Object.entries(this.#faultsOf(schema)).map(([keyword, values]) =>
      values.map((value) => ({ what: ` ${keyword}`, value })),
    )
    return faults.length === 0 ? undefined : fc.oneof(...faults)
  }

  #faultsOf(schema: Schema): Record<string, Arbitrary<unknown>> {
    const { type, enum: choices } = schema
    if (type === undefined && schema.anyOf === undefined) return {}
    const { 'of what does not exist': _, ...faults } = broken(leaf(schema), type === 'array' ? [1, 2] : [])
    if (choices === undefined) return faults
    return {
      ...faults,
      enum: fc
        .oneof(
          fc.string(),
          fc.constantFrom(...choices).map((choice) => `${String(choice)} `),
        )
        .filter((text) => !choices.includes(text)),
    }
  }

  #breakObject(schema: Schema, value: Record<string, unknown>): Arbitrary<Broken> {
    const { properties = {}, required = [], additionalProperties } = schema
    const ways: { weight: number; arbitrary: Arbitrary<Broken> }[] = [
      { weight: 1, arbitrary: ofAnotherType('object') },
    ]
    const fields = Object.entries(properties).flatMap(([name, property]) => {
      const faults = this.breakOne(property, value[name])
      return faults === undefined ? [] : [faults.map((fault) => within(name, fault, value))]
    })
    if (fields.length > 0) ways.push({ weight: 8, arbitrary: fc.oneof(...fields) })
    if (required.length > 0) {
      const missing = fc.constantFrom(...required).map((name) => {
        const { [name]: _, ...rest } = value
        return { what: `/${name} required`, value: rest }
      })
      ways.push({ weight: 1, arbitrary: missing })
    }
    if (additionalProperties === false) {
      const unknown = fc.tuple(unknownName(Object.keys(properties)), fc.jsonValue({ maxDepth: 1 }))
      const added = unknown.map(([name, extra]) => ({
        what: `/${name} additionalProperties`,
        value: withMember(value, name, extra),
      }))
      ways.push({ weight: 2, arbitrary: added })
    }
    return fc.oneof(...ways)
  }

  #breakList({ items, maxItems = Infinity }: Schema, value: unknown[]): Arbitrary<Broken> {
    const ways: Arbitrary<Broken>[] = [ofAnotherType('array')]
    for (const [index, item] of value.entries()) {
      const faults = this.breakOne(items!, item)!
      ways.push(
        faults.map((fault) => ({ what: `/${index}${fault.what}`, value: value.with(index, fault.value) })),
      )
    }
    const many = Number(maxItems) + 1
    if (value.length > 0 && many < Infinity)
      ways.push(fc.constant({ what: ' maxItems', value: Array<unknown>(many).fill(value[0]) }))
    return fc.oneof(...ways)
  }
}

const integers = ({ minimum = 0, maximum = Number.MAX_SAFE_INTEGER }: Schema): Arbitrary<number> => {
  const [min, max] = [Number(minimum), Number(maximum)]
  return fc.oneof(fc.constantFrom(min, max), fc.integer({ min, max }))
}

/** A name that is none of these; some of them mean something to JavaScript. */
export const unknownName = (known: readonly string[]): Arbitrary<string> =>
  fc
    .oneof(
      fc.constantFrom('__proto__', 'constructor', 'toString', 'ID', 'nickname', ' ', ''),
      fc.stringMatching(/^[a-z_.]{1,12}$/),
    )
    .filter((name) => !known.includes(name))

const ofAnotherType = (type: string): Arbitrary<Broken> =>
  fc
    .constantFrom<unknown>(null, true, 0, 'text', type === 'array' ? {} : [], [null])
    .filter((value) => type !== 'array' || !Array.isArray(value))
    .map((value) => ({ what: ' type', value }))

const within = (name: string, { what, value }: Broken, object: Record<string, unknown>): Broken => ({
  what: `/${name}${what}`,
  value: withMember(object, name, value),
})

/** `__proto__` is a name like any other. */
function withMember(object: object, name: string, value: unknown): object {
  const copy = { ...object }
  Object.defineProperty(copy, name, { value, enumerable: true, configurable: true, writable: true })
  return copy
}
