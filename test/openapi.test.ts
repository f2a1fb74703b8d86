// The published document: the contract as it was asked for, and nothing left unsaid.
import { execFile } from 'node:child_process'
import { readFileSync } from 'node:fs'
import path from 'node:path'
import { promisify } from 'node:util'
import { Ajv2020 } from 'ajv/dist/2020.js'
import t from 'tap'
import { parse } from 'yaml'
import { makeContract, CONTRACT_DEFAULTS, makeUserRecord } from '../schemas/index.js'

const root = path.resolve(import.meta.dirname, '..')
const document = parse(readFileSync(path.join(root, 'openapi.yaml'), 'utf8'))
const methods = new Set(['get', 'put', 'post', 'patch', 'delete'])
const operations: [string, Record<string, any>][] = Object.entries<Record<string, any>>(
  document.paths,
).flatMap(([url, item]) =>
  Object.entries<any>(item)
    .filter(([method]) => methods.has(method))
    .map(([method, operation]) => [`${method} ${url}`, operation] as [string, Record<string, any>]),
)

t.test('what is committed is what the schemas make', async (t) => {
  const script = ['--import', 'tsx', 'scripts/openapi.ts', '--check']
  const { stderr } = await promisify(execFile)('node', script, { cwd: root }).catch((error) => error)
  t.notMatch(stderr, /differs/)
})

t.test('the contract, field by field', async (t) => {
  const update = document.components.schemas.UserUpdate.properties
  const contract: Record<string, object> = {
    id: { title: 'ID', type: 'integer' },
    password: { title: 'Password', type: 'string', minLength: 1, maxLength: 128 },
    last_login: { title: 'Last login', type: ['string', 'null'], format: 'date-time' },
    is_superuser: { title: 'Superuser status', type: 'boolean' },
    username: { type: 'string', minLength: 1, maxLength: 150, pattern: '^[\\p{L}\\p{N}_.@+-]+$' },
    first_name: { title: 'First name', type: 'string', maxLength: 30 },
    last_name: { title: 'Last name', type: 'string', maxLength: 150 },
    email: {
      title: 'Email address',
      type: 'string',
      maxLength: 254,
      anyOf: [{ format: 'email' }, { maxLength: 0 }],
    },
    is_staff: { title: 'Staff status', type: 'boolean' },
    is_active: { title: 'Active', type: 'boolean' },
    date_joined: { title: 'Date joined', type: 'string', format: 'date-time' },
    groups: { type: 'array', uniqueItems: true, items: { type: 'integer' } },
    user_permissions: { type: 'array', uniqueItems: true, items: { type: 'integer' } },
  }
  t.same(Object.keys(update), Object.keys(contract))
  for (const [field, expected] of Object.entries(contract)) {
    t.match(update[field], expected, field)
    t.ok(update[field].description.length > 10 || field === 'first_name', `${field} is described`)
    t.equal(
      update[field].title,
      (expected as { title?: string }).title,
      `${field} has the contract’s title or none`,
    )
    t.ok(update[field].examples?.length > 0, `${field} has an example`)
  }
  t.same(
    Object.keys(document.components.schemas.User.properties),
    Object.keys(contract),
    'the answer has them all',
  )
  t.same(document.components.schemas.User.required, Object.keys(contract), 'always')
  t.notOk(document.components.schemas.UserUpdate.required, 'a PATCH is partial')
})

t.test('PATCH_REQUIRED is the printed reading, in the document too', async (t) => {
  const { UserUpdate } = makeContract({ ...CONTRACT_DEFAULTS, patchRequired: ['username', 'password'] })
  t.same(UserUpdate.required, ['username', 'password'])
  t.same(
    Object.keys(UserUpdate.examples[0]).slice(0, 2),
    ['username', 'password'],
    'and its example satisfies it',
  )
})

t.test('what bodies and records are held to is a schema, which no start looks at again', async (t) => {
  const ajv = new Ajv2020()
  const unpublished = { UserRecord: makeUserRecord({ firstNameMaxLength: 30 }) }
  for (const [name, schema] of Object.entries({ ...makeContract(CONTRACT_DEFAULTS), ...unpublished }))
    t.ok(ajv.validateSchema(schema), name)
  t.notOk(ajv.validateSchema({ type: 'text' }), 'and not everything is one')
})

t.test('every operation says all that there is to say', async (t) => {
  t.ok(operations.length >= 5)
  for (const [name, operation] of operations) {
    t.ok(
      operation.operationId && operation.summary && operation.description && operation.tags.length === 1,
      name,
    )
    t.ok(Array.isArray(operation.security), `${name} states its security`)
    const bodies = [operation.requestBody, ...Object.values<any>(operation.responses)].filter(Boolean)
    for (const media of bodies.flatMap(({ content }) => Object.values<any>(content ?? {}))) {
      const named = document.components.schemas[media.schema.$ref?.split('/').at(-1)]
      const fields = Object.values<any>(named?.properties ?? {})
      const example =
        media.examples ?? media.schema.examples ?? named?.examples ?? fields.every(({ examples }) => examples)
      t.ok(example, `${name} has examples`)
    }
    if (operation.security.length === 0) continue
    for (const status of ['401', '403', '406', '500', '503'])
      t.ok(operation.responses[status], `${name} ${status}`)
  }
  const ids = operations.map(([, { operationId }]) => operationId)
  t.equal(new Set(ids).size, ids.length)
})
