/** What the schema allows is kept and read back; what breaks one keyword of it is refused for just that. */
import { pbkdf2Sync } from 'node:crypto'
import { isDeepStrictEqual } from 'node:util'
import fc, { type Arbitrary } from 'fast-check'
import t from 'tap'
import { CONTRACT_DEFAULTS, makeUserUpdate } from '../../schemas/index.js'
import { startService } from '../helpers/service.js'
import { allowed, broken, type FieldSchema, type Sample } from './arbitraries.js'
import { check } from './check.js'
import { stored } from './stored.js'

const { properties } = makeUserUpdate(CONTRACT_DEFAULTS)
const { id: _, ...schemas } = properties as unknown as Record<string, FieldSchema>

/** What a problem has beside the members of the fields. */
const STANDARD = new Set(['type', 'title', 'status', 'code', 'request_id', 'errors'])

/** Names of members that no unknown field may take. */
const RESERVED = new Set(['detail', 'missing_permissions', '__proto__'])

const MASK = 'pbkdf2_sha256$********'
const looksLikeHash = (text: string) => /^[a-z0-9_]+\$\*{8}$|^!|\$/.test(text)

const service = await startService(t, { PASSWORD_HASHER: 'pbkdf2_sha256', PBKDF2_ITERATIONS: '1' })
const { key } = await service.makeCaller()
const groups = await Promise.all(Array.from({ length: 6 }, () => service.makeGroup()))
const permissions = await Promise.all(Array.from({ length: 6 }, () => service.makePermission()))
const existing: Record<string, number[]> = { groups, user_permissions: permissions }

const target = await service.makeUser()
const path = `/admin/users/${target}/`
const read = () => service.request('GET', path, { key })
const update = (body: unknown) => service.request('PATCH', path, { key, body })

/** Any number of fields, each with a value that its schema allows. */
const samples = fc.record(
  Object.fromEntries(Object.entries(schemas).map(([field, schema]) => [field, valid(field, schema)])),
  { requiredKeys: [] },
) as Arbitrary<Record<string, Sample>>

function valid(field: string, schema: FieldSchema): Arbitrary<Sample> {
  const values = allowed(schema, existing[field])
  if (field !== 'password') return values
  return values.filter(({ sent }) => !looksLikeHash(sent as string)).map(({ sent }) => ({ sent, kept: MASK }))
}

const pick = (samples: Record<string, Sample>, what: 'sent' | 'kept') =>
  Object.fromEntries(Object.entries(samples).map(([field, sample]) => [field, sample[what]]))

t.test('what the schema allows is accepted, kept, and read back', async () => {
  const property = fc.asyncProperty(samples, async (values) => {
    const before = (await read()).body
    const { status, body, text } = await update(pick(values, 'sent'))
    if (status !== 200) throw new Error(`${status} ${text}`)
    same(body, { ...before, ...pick(values, 'kept') })
    same((await read()).body, body)
    if (values.password) await verify(values.password.sent as string)
  })
  await check(property, 120)
})

t.test('what breaks one keyword is refused, and named', async (t) => {
  for (const [field, schema] of Object.entries(properties as unknown as Record<string, FieldSchema>)) {
    for (const [keyword, values] of Object.entries(broken(schema, existing[field]))) {
      await t.test(`${field}: ${keyword}`, () => check(refusalOf(fc.constant(field), values), 6))
    }
  }
  await t.test('another id', () => check(refusalOf(fc.constant('id'), fc.integer({ min: target + 1 })), 6))
  await t.test('a username that is taken', async () => {
    await service.makeUser({ username: 'taken' })
    await check(refusalOf(fc.constant('username'), fc.constantFrom('taken', ' taken ', 'ｔaken')), 6)
  })
  const unknown = fc.oneof(
    fc.string(),
    fc.string({ unit: 'binary' }),
    fc.constantFrom('__proto__', 'constructor', 'is admin', '\ud800', 'detail'),
  )
  await t.test('an unknown field', () =>
    check(
      refusalOf(
        unknown.filter((name) => !(name in properties)),
        fc.jsonValue(),
      ),
      40,
    ),
  )
})

/** One field at fault among others that are not: 400 for just that field, and nothing is written. */
function refusalOf(fields: Arbitrary<string>, values: Arbitrary<unknown>) {
  return fc.asyncProperty(fields, values, samples, async (field, value, others) => {
    const { [field]: _, ...rest } = pick(others, 'sent')
    const before = await stored(service.pool, target)
    const body = Object.fromEntries([...Object.entries(rest), [field, value]])
    const answer = await service.request('PATCH', path, {
      key,
      rawBody: JSON.stringify(body),
      headers: { 'content-type': 'application/json' },
    })
    same([answer.status, answer.body.code], [400, 'invalid'])
    const tokens = answer.body.errors.map(({ pointer }: { pointer: string }) =>
      unescape(pointer.split('/')[1]!),
    )
    same([...new Set(tokens)], [field])
    const members = Object.keys(answer.body).filter((name) => !STANDARD.has(name))
    same(members, STANDARD.has(field) || RESERVED.has(field) ? [] : [field])
    same(await stored(service.pool, target), before)
  })
}

/** A token of a JSON pointer (RFC 6901). */
const unescape = (token: string) => token.replaceAll('~1', '/').replaceAll('~0', '~')

/** That the password is the one whose hash is stored, by a verification of its own. */
async function verify(password: string): Promise<void> {
  const { rows } = await service.pool.query('select password from auth_user where id = $1', [target])
  const [algorithm, iterations, salt, hash] = rows[0].password.split('$')
  same(
    [algorithm, hash],
    ['pbkdf2_sha256', pbkdf2Sync(password, salt, Number(iterations), 32, 'sha256').toString('base64')],
  )
}

function same(found: unknown, wanted: unknown): void {
  if (!isDeepStrictEqual(found, wanted))
    throw new Error(`found ${JSON.stringify(found)}, wanted ${JSON.stringify(wanted)}`)
}
