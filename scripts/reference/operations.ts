/** `docs/reference/operations.md`: every operation and schema of the document, to read offline. */
import { parse } from 'yaml'
import { anchorOf, code, generatedFrom, table } from './markdown.js'
import { type Schema, shapeOf } from './value-shape.js'

interface Parameter {
  name: string
  in: 'path' | 'query' | 'header'
  description?: string
  required?: boolean
  schema: Schema
}

interface Answer {
  description: string
  content?: Record<string, { schema?: Schema }>
  headers?: Record<string, unknown>
}

interface Operation {
  operationId: string
  summary: string
  description?: string
  tags: [string]
  parameters?: Parameter[]
  requestBody?: { content: Record<string, { schema: Schema }> }
  responses: Record<string, Answer>
}

interface Document {
  tags: { name: string; description: string }[]
  paths: Record<string, Record<string, Operation>>
  components: { schemas: Record<string, Schema> }
}

interface Route extends Operation {
  method: string
  url: string
}

/** @param yaml the OpenAPI document */
export function operationsPage(yaml: string): string {
  const { tags, paths, components } = parse(yaml) as Document
  const routes = Object.entries(paths).flatMap(([url, item]) =>
    Object.entries(item).map(([method, operation]) => ({ ...operation, method: method.toUpperCase(), url })),
  )
  return `${generatedFrom('the OpenAPI document')}

# Operations

What [openapi.yaml](../../openapi.yaml) says, to read. A service shows its own at \`/docs\`, where each can be tried out. Every
refusal is a [problem](problems.md).

${contents(tags, routes)}

${tags.map((tag) => tagSection(tag, routes)).join('\n\n')}

## Schemas

${Object.entries(components.schemas)
  .map(([name, schema]) => schemaSection(name, schema))
  .join('\n\n')}
`
}

const headingOf = ({ summary }: Route): string => summary

const contents = (tags: Document['tags'], routes: Route[]): string =>
  table(
    ['Operation', '', ''],
    tags.flatMap(({ name }) =>
      routes
        .filter((route) => route.tags[0] === name)
        .map((route) => [
          `[${headingOf(route)}](#${anchorOf(headingOf(route))})`,
          code(route.method),
          code(route.url),
        ]),
    ),
  )

function tagSection({ name, description }: Document['tags'][number], routes: Route[]): string {
  const own = routes.filter((route) => route.tags[0] === name)
  return [`## ${name[0]!.toUpperCase()}${name.slice(1)}`, description, ...own.map(operationSection)].join(
    '\n\n',
  )
}

function operationSection(route: Route): string {
  const { method, url, operationId, description, parameters = [], requestBody, responses } = route
  const parts = [
    `### ${headingOf(route)}`,
    `${code(`${method} ${url}`)} · operation ${code(operationId)}`,
    description ?? '',
    parameters.length > 0 ? table(['Parameter', 'In', 'Takes', 'Meaning'], parameters.map(parameterRow)) : '',
    requestBody === undefined ? '' : `**Body.** ${mediaTypes(requestBody.content)}`,
    table(['Answer', 'When', 'With'], Object.entries(responses).map(answerRow)),
  ]
  return parts.filter((part) => part !== '').join('\n\n')
}

const parameterRow = ({ name, in: where, description = '', required, schema }: Parameter): string[] => [
  code(name) + (required && where !== 'path' ? ' (required)' : ''),
  where,
  shapeOf(schema),
  description,
]

const answerRow = ([status, { description, content = {} }]: [string, Answer]): string[] => [
  status,
  description,
  mediaTypes(content),
]

const mediaTypes = (content: Record<string, { schema?: Schema }>): string =>
  Object.entries(content)
    .map(([type, { schema }]) =>
      schema?.$ref === undefined ? code(type) : `${code(type)}: ${shapeOf(schema)}`,
    )
    .join('; ')

function schemaSection(name: string, schema: Schema): string {
  const fields = fieldsOf(schema) || fieldsOf(schema.items ?? {})
  const shape = schema.type === 'object' ? '' : sentence(shapeOf(schema))
  return [`### ${name}`, schema.description ?? '', shape, fields].filter((part) => part !== '').join('\n\n')
}

const sentence = (text: string): string => `${text[0]!.toUpperCase()}${text.slice(1)}.`

function fieldsOf({ properties = {}, required = [] }: Schema): string {
  const rows = Object.entries(properties).map(([field, value]) => [
    code(field),
    required.includes(field) ? 'yes' : '',
    shapeOf(value),
    value.description ?? '',
  ])
  return rows.length > 0 ? table(['Field', 'Always', 'Takes', 'Meaning'], rows) : ''
}
