/** Requests for one operation: as its document wants them, and with exactly one thing wrong. */
import fc, { type Arbitrary } from 'fast-check'
import type { PublishedDocument, Parameter } from '../../src/contract/document.js'
import {
  BROKEN_HEADERS,
  bodyMeanings,
  headerMeanings,
  jsonPatches,
  NOTHING,
  pathMeaning,
  queryMeanings,
} from './meanings.js'
import { type Broken, unknownName, Values } from './values.js'
import type { World } from './world.js'

export type Entry = ReturnType<PublishedDocument['operations']>[number]

/** Whether it matters who asks. What is public takes no parameters either: nothing can be wrong with it. */
export const isGuarded = ({ operation }: Entry): boolean => (operation.security ?? []).length > 0

/** A request, in parts that can be changed one by one. */
export interface Sent {
  entry: Entry
  path: Record<string, string>
  /** Names and values, which may be repeated. */
  query: [string, string][]
  headers: Record<string, string>
  mediaType?: string | undefined
  body?: unknown
  /** A body that is no JSON. */
  text?: string
}

export interface Wrong {
  sent: Sent
  what: string
  /** What it must be refused with. */
  statuses: number[]
}

const JSON_PATCH = 'application/json-patch+json'

/** Parameters of one request, at most: many of a list exclude each other, or leave nothing to find. */
const MOST_PARAMETERS = 4

const inPlace = ({ operation }: Entry, place: string): Parameter[] =>
  (operation.parameters ?? []).filter((parameter) => parameter.in === place)

/** Requests that are as the document wants them. */
export function positive(entry: Entry, world: World): Arbitrary<Sent> {
  const queryValues = new Values(world.subject.document, queryMeanings(world))
  const headerValues = new Values(world.subject.document, headerMeanings(world))
  const query = some(inPlace(entry, 'query'), ({ name, schema }) => queryValues.valid(schema, name))
  const headers = some(inPlace(entry, 'header'), ({ name, schema }) => headerValues.valid(schema, name))
  return pathOf(entry, world).chain((path) =>
    fc.tuple(query, headers, bodyOf(entry, world, path)).map(([parameters, fields, body]) => ({
      entry,
      path,
      query: Object.entries(parameters).map(([name, value]): [string, string] => [name, String(value)]),
      headers: fields as Record<string, string>,
      ...body,
    })),
  )
}

const pathOf = (entry: Entry, world: World): Arbitrary<Record<string, string>> =>
  fc.record(
    Object.fromEntries(
      inPlace(entry, 'path').map(({ name }) => [name, pathMeaning(world, entry.path, name)] as const),
    ),
    { noNullPrototype: true },
  )

function some(
  parameters: Parameter[],
  valueOf: (parameter: Parameter) => Arbitrary<unknown>,
): Arbitrary<Record<string, unknown>> {
  return fc
    .subarray(parameters, { maxLength: Math.min(MOST_PARAMETERS, parameters.length) })
    .chain((chosen) =>
      fc.record(Object.fromEntries(chosen.map((parameter) => [parameter.name, valueOf(parameter)])), {
        noNullPrototype: true,
      }),
    )
}

type Body = Pick<Sent, 'mediaType' | 'body'>

function bodyOf({ operation }: Entry, world: World, path: Record<string, string>): Arbitrary<Body> {
  const { content, required } = operation.requestBody ?? {}
  if (content === undefined) return fc.constant({})
  const id = path.id === undefined ? undefined : Number(path.id)
  const values = new Values(world.subject.document, bodyMeanings(world, id))
  const bodies = Object.entries(content).map(([mediaType, { schema }]) => {
    const json = content['application/json']!.schema
    const body = mediaType === JSON_PATCH ? jsonPatches(values, json) : values.valid(schema)
    return body.map((value): Body => ({ mediaType, body: value }))
  })
  const any = fc.oneof(...bodies)
  return required ? any : fc.oneof({ weight: 30, arbitrary: any }, { weight: 1, arbitrary: fc.constant({}) })
}

/** Requests with exactly one thing wrong. Undefined where nothing can be. */
export function negative(entry: Entry, world: World): Arbitrary<Wrong> | undefined {
  if (!isGuarded(entry)) return undefined
  const base = positive(entry, world)
  const ways = [base.chain((sent) => unknownParameter(sent, entry))]
  const query = inPlace(entry, 'query')
  if (query.length > 0) ways.push(base.chain((sent) => brokenParameter(sent, query, meaningless(world))))
  const headers = inPlace(entry, 'header').filter(({ name }) => name in BROKEN_HEADERS)
  if (headers.length > 0) ways.push(base.chain((sent) => brokenHeader(sent, headers)))
  const path = inPlace(entry, 'path')
  if (path.length > 0) ways.push(base.chain((sent) => brokenPath(sent, path)))
  const weighted = ways.map((arbitrary) => ({ weight: 1, arbitrary }))
  if (entry.operation.requestBody !== undefined)
    weighted.push({ weight: 4, arbitrary: base.chain((sent) => brokenBody(sent, world)) })
  return fc.oneof(...weighted)
}

const refused = (sent: Sent, what: string, ...statuses: number[]): Wrong => ({ sent, what, statuses })

const unknownParameter = (sent: Sent, entry: Entry): Arbitrary<Wrong> =>
  unknownName(inPlace(entry, 'query').map(({ name }) => name)).map((name) =>
    refused({ ...sent, query: [...sent.query, [name, '1']] }, `the unknown parameter ${name}`, 400),
  )

const brokenParameter = (sent: Sent, parameters: Parameter[], values: Values): Arbitrary<Wrong> =>
  fc.constantFrom(...parameters).chain(({ name, schema }) => {
    const others = sent.query.filter(([other]) => other !== name)
    const twice: [string, string][] = [
      [name, '1'],
      [name, '1'],
    ]
    const repeated = refused({ ...sent, query: [...others, ...twice] }, `?${name} twice`, 400)
    return fc.oneof(
      fc.constant(repeated),
      ...brokenTexts(values, schema).map((texts) =>
        texts.map(({ what, value }) =>
          // A URL of too long a text may be too long as well.
          refused(
            { ...sent, query: [...others, [name, String(value)]] },
            `?${name}${what}`,
            400,
            ...(what.includes('maxLength') ? [431] : []),
          ),
        ),
      ),
    )
  })

/** Texts that stand for no value of the schema. A text is never of a wrong type itself. */
function brokenTexts(values: Values, schema: Parameter['schema']): Arbitrary<Broken>[] {
  const keywords = values
    .breakOne(schema, undefined)!
    .filter(({ what, value }) => what !== ' type' && !/\p{Cs}/u.test(String(value)))
  const of = (...texts: string[]) => fc.constantFrom(...texts).map((value) => ({ what: ' type', value }))
  if (schema.type === 'integer') return [of('', 'ten', '1.5', '1e2', '0x10', ' 1', '+1', '01', '١'), keywords]
  if (schema.type === 'boolean') return [of('', 'yes', 'True', '1', 'true ')]
  const isFree = ['enum', 'pattern', 'maxLength', 'format'].every((keyword) => schema[keyword] === undefined)
  return isFree ? [] : [keywords]
}

const brokenHeader = (sent: Sent, headers: Parameter[]): Arbitrary<Wrong> =>
  fc.constantFrom(...headers).chain(({ name }) =>
    fc.constantFrom(...BROKEN_HEADERS[name]!).map((value) => {
      // What is only tried is not done twice.
      const query = sent.query.filter(([parameter]) => parameter !== 'dry_run')
      return refused({ ...sent, query, headers: { ...sent.headers, [name]: value } }, name, 400)
    }),
  )

const brokenPath = (sent: Sent, parameters: Parameter[]): Arbitrary<Wrong> =>
  fc.constantFrom(...parameters).chain(({ name }) =>
    fc.constantFrom(...NOTHING).map((value) => {
      const query = sent.query.filter(([parameter]) => parameter === 'format')
      const body = sent.body === undefined ? {} : { body: withoutReferences(sent.body) }
      return refused({ ...sent, ...body, query, path: { ...sent.path, [name]: value } }, `{${name}}`, 404)
    }),
  )

/** An id that is not the one of the URL would be another fault. */
function withoutReferences(body: unknown): unknown {
  if (Array.isArray(body)) return body
  const { id: _, ...rest } = body as Record<string, unknown>
  return rest
}

function brokenBody(sent: Sent, world: World): Arbitrary<Wrong> {
  const { content } = sent.entry.operation.requestBody!
  const values = meaningless(world)
  const mediaType = sent.mediaType ?? 'application/json'
  const base = { ...sent, mediaType, headers: strict(sent.headers) }
  const faults = values.breakOne(content[mediaType]!.schema, sent.body ?? {})!
  const broken = faults.map(({ what, value }) =>
    // Bodies of too many items may be too large as well.
    refused({ ...base, body: value }, `body ${what}`, 400, ...(what.includes('maxItems') ? [413] : [])),
  )
  const malformed = fc.constantFrom(...NO_JSON).map((text) => refused({ ...base, text }, 'no JSON', 400))
  return fc.oneof({ weight: 12, arbitrary: broken }, { weight: 1, arbitrary: malformed })
}

const NO_JSON = [
  '{',
  'nul',
  '{"a":1,}',
  '\ufeff{}',
  '{}{}',
  "{'a':1}",
  '{"name":"a","name":"b"}',
  '[1',
  'NaN',
  '"\u0001"',
]

const meaningless = ({ subject }: World): Values => new Values(subject.document, () => undefined)

/** What is unknown is dropped for whoever is lenient. */
const strict = ({ prefer, ...headers }: Record<string, string>): Record<string, string> =>
  prefer?.includes('lenient') || prefer === undefined ? headers : { ...headers, prefer }

/** The URL as it is written. */
export function urlOf({ entry, path, query }: Sent): string {
  const written = entry.path.replace(/\{(\w+)\}/g, (_, name: string) => encodeURIComponent(path[name]!))
  if (query.length === 0) return written
  return `${written}?${query.map((pair) => pair.map(encodeURIComponent).join('=')).join('&')}`
}
