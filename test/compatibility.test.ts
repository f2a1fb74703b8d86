// The check of a new document against the last release: what breaks a consumer, and what does not.
import { readFileSync } from 'node:fs'
import path from 'node:path'
import t from 'tap'
import { parse } from 'yaml'
import { breakingChanges, type Document, mayBreak } from '../scripts/compatibility.js'

const text = readFileSync(path.resolve(import.meta.dirname, '../openapi.yaml'), 'utf8')
const document: Document = parse(text)

const operation = ({ paths }: Document, id: string): Document =>
  Object.values<Document>(paths)
    .flatMap((methods) => Object.values<Document>(methods))
    .find(({ operationId }) => operationId === id)!

const without = (names: string[], name: string) => names.filter((other) => other !== name)
const parameter = (document: Document, id: string, name: string): Document =>
  operation(document, id).parameters.find((one: Document) => one.name === name)

/** By what the lines that tell of it must have. */
const BREAKING: Record<string, [wanted: RegExp, change: (document: Document) => void]> = {
  'an operation is gone': [
    /^DELETE \/admin\/groups\/\{id\}\/: gone$/,
    ({ paths }) => delete paths['/admin/groups/{id}/'].delete,
  ],
  'a field of an answer is gone': [
    /^GET .* › 200 › .* › properties › email: gone$/,
    ({ components: { schemas } }) => {
      delete schemas.User.properties.email
      schemas.User.required = without(schemas.User.required, 'email')
    },
  ],
  'a field of an answer is not always there': [
    /^GET .* › 200 › .* › required › \d+: gone$/,
    ({ components: { schemas } }) => (schemas.User.required = without(schemas.User.required, 'email')),
  ],
  'a field of an answer may be null': [
    /^GET .* › 200 › .* › properties › email › type: /,
    ({ components: { schemas } }) => (schemas.User.properties.email.type = ['string', 'null']),
  ],
  'a request needs another field': [
    /^PATCH .* requestBody › .* › required › 0: added$/,
    ({ components: { schemas } }) => (schemas.UserUpdate.required = ['username']),
  ],
  'a request needs another parameter': [
    /^GET \/admin\/users\/ parameters › \d+: added$/,
    (document) =>
      operation(document, 'listUsers').parameters.push({
        name: 'x',
        in: 'query',
        required: true,
        schema: { type: 'string' },
      }),
  ],
  'a request has fewer values to choose from': [
    /^GET \/admin\/events\/ parameters › \d+ › schema › enum › \d: gone$/,
    (document) => parameter(document, 'listEvents', 'outcome').schema.enum.pop(),
  ],
  'a request has a narrower limit': [
    /^PATCH .* requestBody › .* › maxLength: \d+ became 10$/,
    ({ components: { schemas } }) => (schemas.UserUpdate.properties.last_name.maxLength = 10),
  ],
  'a status is gone': [
    /^PATCH .* responses › 412: gone$/,
    (document) => delete operation(document, 'updateUser').responses[412],
  ],
  'a media type of requests is gone': [
    /merge-patch\+json: gone$/,
    (document) =>
      delete operation(document, 'updateUser').requestBody.content['application/merge-patch+json'],
  ],
  'a header of answers is gone': [
    /headers › etag: gone$/,
    (document) => delete operation(document, 'updateUser').responses[200].headers.etag,
  ],
  'a code of problems is gone': [
    /^The code not_found: gone$/,
    ({ components: { schemas } }) => {
      const { code } = schemas.Problem.properties
      code.enum = without(code.enum, 'not_found')
    },
  ],
  'an operation is called otherwise': [
    /^GET \/admin\/users\/: operationId listUsers became findUsers$/,
    (document) => (operation(document, 'listUsers').operationId = 'findUsers'),
  ],
}

const HARMLESS: Record<string, (document: Document) => void> = {
  nothing: () => {},
  'another operation': ({ paths }) =>
    (paths['/admin/new/'] = { get: { operationId: 'new', responses: { 200: { description: 'New.' } } } }),
  'an optional parameter': (document) =>
    operation(document, 'listUsers').parameters.push({ name: 'x', in: 'query', schema: { type: 'string' } }),
  'an optional field of a request': ({ components: { schemas } }) =>
    (schemas.UserUpdate.properties.x = { type: 'string' }),
  'another field of an answer': ({ components: { schemas } }) => {
    schemas.User.properties.x = { type: 'string' }
    schemas.User.required.push('x')
  },
  'a field of a request that may be null': ({ components: { schemas } }) =>
    (schemas.UserUpdate.properties.last_name.type = ['string', 'null']),
  'a field of an answer that was null is not': ({ components: { schemas } }) =>
    (schemas.User.properties.last_login.type = 'string'),
  'another header of answers': (document) =>
    (operation(document, 'updateUser').responses[200].headers['x-new'] = { schema: { type: 'string' } }),
  'another code of problems': ({ components: { schemas } }) =>
    schemas.Problem.properties.code.enum.push('new'),
  'a wider limit, of requests and of answers': ({ components: { schemas } }) => {
    for (const name of ['User', 'UserUpdate']) schemas[name].properties.last_name.maxLength = 1_000
  },
  'other words': ({ components: { schemas }, info, ...document }) => {
    schemas.User.properties.email.description = 'Other.'
    schemas.User.examples = []
    info.description = 'Other.'
    operation(document, 'listUsers').summary = 'Other'
  },
}

const changed = (change: (document: Document) => unknown): string[] => {
  const after = structuredClone(document)
  change(after)
  return breakingChanges(document, after)
}

t.test('what breaks a consumer', async (t) => {
  for (const [name, [wanted, change]] of Object.entries(BREAKING)) {
    const lines = changed(change)
    t.ok(
      lines.some((line) => wanted.test(line)),
      name,
      { lines: lines.slice(0, 5) },
    )
  }
})

t.test('what does not', async (t) => {
  for (const [name, change] of Object.entries(HARMLESS)) t.strictSame(changed(change), [], name)
})

t.test('a name of a schema is a promise', async (t) => {
  const renamed = parse(
    text
      .replaceAll('schemas/GroupUpdate', 'schemas/GroupPatch')
      .replace('    GroupUpdate:', '    GroupPatch:'),
  )
  t.strictSame(breakingChanges(document, renamed), ['The schema GroupUpdate: gone'])
})

t.test('which version may break what', async (t) => {
  for (const [released, next, may] of [
    ['0.1.0', '0.1.1', false],
    ['0.1.0', '0.2.0', true],
    ['0.9.0', '1.0.0', true],
    ['1.0.0', '1.1.0', false],
    ['1.9.9', '2.0.0', true],
  ] as const)
    t.equal(mayBreak(released, next), may, `${released} → ${next}`)
})
