/** What is published: the document, the problems page, the health checks. */
import type { Test } from '../assertions.js'
import {
  CONTRACT,
  type ContractField,
  FIELDS,
  REQUIRABLE,
  USERNAMES,
  WIDEST_FIRST_NAME,
} from '../contract.js'
import type { Schema } from '../document.js'
import { mediaTypeOf } from '../inspect.js'
import type { Checks } from '../world.js'

export const published: Checks = {
  async 'the document is OpenAPI 3.1, as JSON and as YAML'(t, { subject }) {
    const [json, yaml] = await Promise.all(
      ['json', 'yaml'].map((ext) => subject.call('GET', `/openapi.${ext}`)),
    )
    t.match(json!.body.openapi, /^3\.1\./)
    t.equal(json!.status, 200)
    t.equal(mediaTypeOf(json!), 'application/json')
    t.equal(yaml!.status, 200)
    t.equal(mediaTypeOf(yaml!), 'application/yaml')
    for (const { operation, path } of subject.document.operations()) {
      t.ok(yaml!.text.includes(`${path}:`), `the YAML has ${path}`)
      t.ok(
        yaml!.text.includes(`operationId: ${operation.operationId}`),
        `the YAML has ${operation.operationId}`,
      )
    }
    // The document does not list itself, so these answers are none of its operations'.
    subject.takeViolations()
  },

  async 'every operation is described, and every schema can be used'(t, { subject: { document } }) {
    const ids = document.operations().map(({ operation }) => operation.operationId)
    t.equal(new Set(ids).size, ids.length, 'ids are unique')
    for (const { operation, method, path } of document.operations()) {
      t.ok(operation.summary && operation.description, `${method} ${path} is described`)
      const named = (operation.parameters ?? []).filter((parameter) => parameter.in === 'path')
      t.strictSame(
        named.map(({ name }) => `{${name}}`),
        path.match(/\{\w+\}/g) ?? [],
        'its path parameters',
      )
      t.ok(
        named.every(({ required }) => required),
        'which are required',
      )
    }
    for (const schema of Object.values(document.json.components.schemas)) document.violations(schema, {})
  },

  async 'the operation of the contract is there'(t, { subject: { document } }) {
    const path = document.pathOf('updateUser')
    t.match(path, /\/users\/\{id\}\/$/)
    const { patch } = document.json.paths[path]!
    const id = patch!.parameters!.find(({ name }) => name === 'id')
    t.strictSame([id!.in, id!.required, id!.schema.type], ['path', true, 'string'])
    t.equal(patch!.summary, 'Update Users')
    t.strictSame(patch!.requestBody!.content['application/json']!.schema, {
      $ref: '#/components/schemas/UserUpdate',
    })
    t.strictSame(patch!.responses[200]!.content!['application/json']!.schema, {
      $ref: '#/components/schemas/User',
    })
    t.ok((patch!.security ?? []).length > 0, 'it needs credentials')
  },

  async 'a request has the titles and constraints of the contract'(t, { subject: { document } }) {
    const update = document.schema('UserUpdate')
    t.strictSame(Object.keys(update.properties!).toSorted(), FIELDS.toSorted())
    t.equal(update.additionalProperties, false)
    const unexpected = (update.required ?? []).filter((field) => !REQUIRABLE.includes(field))
    t.strictSame(unexpected, [], 'nothing is required but what the contract prints as required')
    for (const field of FIELDS)
      await t.test(field, async (t) => sameField(t, update.properties![field]!, field))
  },

  async 'usernames are those of the contract'(t, { subject: { document } }) {
    const username = document.schema('UserUpdate').properties!.username!
    for (const name of USERNAMES.valid) t.strictSame(document.violations(username, name), [], name)
    for (const name of USERNAMES.invalid)
      t.not(document.violations(username, name).length, 0, JSON.stringify(name))
  },

  async 'an answer has the fields and types of the contract'(t, { subject: { document } }) {
    const user = document.schema('User')
    t.strictSame(Object.keys(user.properties!).toSorted(), FIELDS.toSorted())
    t.strictSame(user.required!.toSorted(), [...FIELDS].toSorted(), 'every field, always')
    for (const field of FIELDS) {
      const { type, title, format } = user.properties![field]!
      t.equal([type].flat()[0], CONTRACT[field]!.type, `${field} is of its type`)
      if (CONTRACT[field]!.title) t.equal(title, CONTRACT[field]!.title)
      if (CONTRACT[field]!.format === 'date-time') t.equal(format, 'date-time')
    }
    t.strictSame(user.properties!.last_login!.type, ['string', 'null'], 'who never logged in has null')
  },

  async 'the problems page explains every code'(t, { subject }) {
    const { status, text } = await subject.call('GET', subject.document.pathOf('listProblems'), {
      authorization: null,
    })
    t.equal(status, 200)
    const codes = subject.document.schema('Problem').properties!.code!.enum as string[]
    t.ok(codes.length >= 10)
    for (const code of codes) t.ok(text.includes(`id="${code}"`), code)
    t.equal(text.match(/ id="/g)!.length, codes.length, 'and nothing else')
  },

  async 'health is told to everybody'(t, { subject }) {
    for (const path of ['/healthz', '/readyz']) {
      const { status, body } = await subject.call('GET', path, { authorization: null })
      t.strictSame([status, body], [200, { status: 'ok' }], path)
    }
  },
}

function sameField(t: Test, schema: Schema, field: string): void {
  const expected: ContractField = CONTRACT[field]!
  t.ok([schema.type].flat().includes(expected.type), `is of type ${expected.type}`)
  if (expected.title) t.equal(schema.title, expected.title, 'has the title')
  t.equal(schema.minLength, expected.minLength, 'has the minimal length')
  if (field === 'first_name') {
    t.ok(
      schema.maxLength! >= expected.maxLength! && schema.maxLength! <= WIDEST_FIRST_NAME,
      'has a permitted width',
    )
  } else t.equal(schema.maxLength, expected.maxLength, 'has the maximal length')
  const formats = [schema.format, ...(schema.anyOf ?? []).map(({ format }) => format)]
  if (expected.format) t.ok(formats.includes(expected.format), 'has the format')
  t.equal(schema.uniqueItems, expected.uniqueItems)
  if (expected.type === 'array') t.equal(schema.items!.type, 'integer', 'holds integers')
  t.ok(schema.description, 'is described')
}
