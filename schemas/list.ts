/** What all lists share: how they are asked for, and the envelope that they come in. */
import { type SchemaOptions, type Static, type TObject, type TSchema, Type } from '@sinclair/typebox'
import { nullable, storableText } from './fields.js'
import { DEFAULT_PAGE_SIZE, MAX_PAGE_SIZE } from './limits.js'
import { FormatQuery } from './query.js'

/** What every list takes beside its filters. Without examples: Swagger UI would send them unasked. */
export const pagingParameters = {
  page: Type.Optional(
    Type.String({
      description: 'Which page, counted from 1; `last` for the last one. One that does not exist is 404.',
    }),
  ),
  page_size: Type.Optional(
    Type.Integer({
      minimum: 1,
      maximum: MAX_PAGE_SIZE,
      description: `Items of a page; by default ${DEFAULT_PAGE_SIZE}, or what the deployment says.`,
    }),
  ),
  cursor: Type.Optional(
    Type.String({
      maxLength: 4_000,
      description:
        'Pages by position instead of by number: empty for the first one, and then as `next` has it. The cost does not grow ' +
        'with the depth, and items that come or go meanwhile shift nothing.',
    }),
  ),
  count: Type.Optional(
    Type.Boolean({
      description:
        'Whether to count all items. By default with page numbers, and not with a cursor, where `count` is null.',
    }),
  ),
  ...FormatQuery.properties,
}

/** One or more of these names, separated by commas; with `sign`, each may have a minus before it. */
const namesOf = (names: readonly string[], sign: string, options: SchemaOptions) => {
  const one = `${sign}(?:${names.join('|')})`
  return Type.Optional(
    Type.String({
      pattern: `^${one}(?:,${one})*$`,
      'x-pattern-message': `may name ${names.join(', ')}, separated by commas`,
      ...options,
    }),
  )
}

/** In which order a list comes. */
export const orderingParameter = (names: readonly string[]) => ({
  ordering: namesOf(names, '-?', {
    description: `Fields to order by, separated by commas; a minus before one reverses it: ${names.join(', ')}.`,
  }),
})

/** Which fields the items of a list have. */
export const fieldsParameter = (names: readonly string[]) => ({
  fields: namesOf(names, '', {
    description: `The fields that are wanted, separated by commas (\`${names.slice(0, 2).join()}\`). All of them by default.`,
  }),
})

/** Words to look for. */
export const searchParameter = (where: string) => ({
  search: Type.Optional(
    storableText({
      maxLength: 200,
      description: `Up to ten words, each of which must be part of ${where}, whatever its case.`,
    }),
  ),
})

/** What an object with these fields looks like: the first example of each. */
export const exampleOf = ({ properties }: TObject): Record<string, unknown> =>
  Object.fromEntries(Object.entries<TSchema>(properties).map(([name, { examples }]) => [name, examples[0]]))

/** The envelope of a list, as Django REST Framework has it. */
export const listOf = <Item extends TObject>(item: Item, name: string, title: string) =>
  Type.Object(
    {
      count: Type.Unsafe<number | null>({
        type: ['integer', 'null'],
        minimum: 0,
        description: 'How many items there are in all; null where they were not counted.',
      }),
      next: link('The URL of the next page; null on the last one.'),
      previous: link('The URL of the page before; null on the first one.'),
      results: Type.Array(Type.Unsafe<Static<Item>>({ $ref: `${item.$id}#` }), {
        description: 'The items of this page.',
      }),
    },
    {
      $id: `fastify-user-admin/${name}`,
      title,
      additionalProperties: false,
      examples: [{ count: 1, next: null, previous: null, results: [exampleOf(item)] }],
    },
  )

const link = (description: string) => nullable(Type.String({ format: 'uri-reference', description }))

/** How a list is asked for, whatever is in it. */
export interface ListQuery {
  page?: string
  page_size?: number
  cursor?: string
  count?: boolean
  ordering?: string
  fields?: string
  search?: string
}

/** The parameters of a list as a schema; what is not among them is refused. */
export const listQuery = <Parameters extends Record<string, TSchema>>(parameters: Parameters) =>
  Type.Object({ ...parameters, ...pagingParameters }, { additionalProperties: false })

/** A list as it is answered. */
export interface ListOf<Item> {
  count: number | null
  next: string | null
  previous: string | null
  results: Item[]
}
