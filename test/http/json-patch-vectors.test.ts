/** RFC 6902's own examples: through the library, and through the service where they can be said of a user or a group. */
import { readFileSync } from 'node:fs'
import { applyPatch, type Operation } from 'rfc6902'
import t from 'tap'
import { applyOperation } from '../../src/http/json-patch.js'
import { startService } from '../helpers/service.js'
import { stored } from '../properties/stored.js'

interface Vector {
  comment: string
  doc: object
  patch?: Operation[]
  /** Where it is no JSON that JavaScript could write. */
  patchText?: string
  expected?: object
  error?: string
}

const vectors: Vector[] = JSON.parse(
  readFileSync(new URL('../data/rfc6902-vectors.json', import.meta.url), 'utf8'),
)
const service = await startService(t)
const { request, makeUser, makeGroup, makePermission, makeCaller, pool } = service
const { key } = await makeCaller()
const [A, B, C, D] = [await makeGroup(), await makeGroup(), await makeGroup(), await makeGroup()]
const LOGIN = '2024-02-29T08:30:00.000001Z'

t.test('all of them are here', async (t) => {
  t.strictSame(
    vectors.map(({ comment }) => /^A\.(\d+)\. /.exec(comment)?.[1]),
    Array.from({ length: 16 }, (_, index) => String(index + 1)),
  )
})

/** What the service says of the library's errors. */
const SAID: Record<string, string> = {
  TestError: 'The test failed.',
  MissingError: 'There is nothing at this place.',
}

t.test('the library, and the service that calls it operation by operation', async (t) => {
  const library = (target: object, operation: Operation) => applyPatch(target, [operation])[0]?.name
  for (const { comment, doc, patch, expected, error } of vectors) {
    if (patch === undefined) continue
    for (const [apply, failure] of [
      [library, error],
      [applyOperation, SAID[error ?? '']],
    ] as const) {
      const target = structuredClone(doc)
      const failures = patch.map((operation) => apply(target, operation)).filter((each) => each !== undefined)
      t.strictSame(failures, failure === undefined ? [] : [failure], comment)
      t.strictSame(target, expected ?? doc, comment)
    }
  }
})

/** An example in the words of a user. */
interface Translation {
  section: number
  before: object
  patch: object[] | string
  status: number
  /** What differs then. */
  after?: object
  /** Of a refusal: its code, and where it is. */
  code?: string
  pointer?: string
}

const translations: Translation[] = [
  {
    section: 1,
    before: { last_login: null },
    patch: [{ op: 'add', path: '/last_login', value: LOGIN }],
    status: 200,
    after: { last_login: LOGIN },
  },
  {
    section: 2,
    before: { groups: [A, C] },
    patch: [{ op: 'add', path: '/groups/1', value: B }],
    status: 200,
    after: { groups: [A, B, C] },
  },
  {
    section: 3,
    before: { last_login: LOGIN },
    patch: [{ op: 'remove', path: '/last_login' }],
    status: 200,
    after: { last_login: null },
  },
  {
    section: 4,
    before: { groups: [A, B, C] },
    patch: [{ op: 'remove', path: '/groups/1' }],
    status: 200,
    after: { groups: [A, C] },
  },
  {
    section: 5,
    before: { first_name: 'qux', last_name: 'bar' },
    patch: [{ op: 'replace', path: '/first_name', value: 'boo' }],
    status: 200,
    after: { first_name: 'boo' },
  },
  {
    // Of all members this one alone can be gone.
    section: 6,
    before: { last_login: LOGIN },
    patch: [{ op: 'move', from: '/last_login', path: '/date_joined' }],
    status: 200,
    after: { last_login: null, date_joined: LOGIN },
  },
  {
    section: 6,
    before: { first_name: 'fred', last_name: 'grault' },
    patch: [{ op: 'move', from: '/first_name', path: '/last_name' }],
    status: 400,
    code: 'invalid',
    pointer: '/first_name',
  },
  {
    // A set has no order that it could keep.
    section: 7,
    before: { groups: [A, B, C, D] },
    patch: [{ op: 'move', from: '/groups/1', path: '/groups/3' }],
    status: 200,
    after: {},
  },
  {
    section: 8,
    before: { first_name: 'qux', groups: [A, B, C] },
    patch: [
      { op: 'test', path: '/first_name', value: 'qux' },
      { op: 'test', path: '/groups/1', value: B },
    ],
    status: 200,
    after: {},
  },
  {
    section: 9,
    before: { first_name: 'qux' },
    patch: [{ op: 'test', path: '/first_name', value: 'bar' }],
    status: 409,
    code: 'patch_conflict',
    pointer: '/0',
  },
  {
    section: 10,
    before: {},
    patch: [{ op: 'add', path: '/first_name', value: { grandchild: {} } }],
    status: 400,
    code: 'invalid',
    pointer: '/first_name',
  },
  {
    section: 11,
    before: {},
    patch: [{ op: 'add', path: '/first_name', value: 'qux', xyz: 123 }],
    status: 200,
    after: { first_name: 'qux' },
  },
  {
    section: 12,
    before: {},
    patch: [{ op: 'add', path: '/baz/bat', value: 'qux' }],
    status: 400,
    code: 'invalid',
    pointer: '/0/path',
  },
  {
    section: 12,
    before: { groups: [A] },
    patch: [{ op: 'add', path: '/groups/2', value: B }],
    status: 409,
    code: 'patch_conflict',
    pointer: '/0',
  },
  {
    section: 13,
    before: {},
    patch: '[{ "op": "add", "path": "/last_login", "value": null, "op": "remove" }]',
    status: 400,
    code: 'parse_error',
  },
  {
    section: 15,
    before: { groups: [A] },
    patch: [{ op: 'test', path: '/groups/0', value: String(A) }],
    status: 409,
    code: 'patch_conflict',
    pointer: '/0',
  },
  {
    section: 16,
    before: { groups: [A] },
    patch: [{ op: 'add', path: '/groups/-', value: [B, C] }],
    status: 400,
    code: 'invalid',
    pointer: '/groups/1',
  },
]

t.test('the service, in the words of a user', async (t) => {
  for (const { section, before, patch, status, after, code, pointer } of translations) {
    const id = await makeUser(before)
    const path = `/admin/users/${id}/`
    const read = await request('GET', path, { key })
    const kept = await stored(pool, id)
    const answer = await request('PATCH', path, {
      key,
      rawBody: typeof patch === 'string' ? patch : JSON.stringify(patch),
      // Some name places in a set.
      headers: { 'content-type': 'application/json-patch+json', 'if-match': read.headers.etag },
    })
    const name = `A.${section} ${JSON.stringify(patch)}`
    t.equal(answer.status, status, `${name}: ${answer.text}`)
    if (after === undefined) {
      t.equal(answer.body.code, code, name)
      t.equal(answer.body.errors?.[0].pointer, pointer, name)
    } else t.strictSame(answer.body, { ...read.body, ...after }, name)
    if (after === undefined || Object.keys(after).length === 0)
      t.strictSame(await stored(pool, id), kept, `${name}: nothing is written`)
  }
})

t.test('the service, in the words of a group', async (t) => {
  const [one, two, three] = [await makePermission(), await makePermission(), await makePermission()]
  const cases: [section: number, permissions: number[], patch: object[], after: object | number][] = [
    [
      2,
      [one, three],
      [{ op: 'add', path: '/permissions/1', value: two }],
      { permissions: [one, two, three] },
    ],
    [4, [one, two, three], [{ op: 'remove', path: '/permissions/1' }], { permissions: [one, three] }],
    [5, [one], [{ op: 'replace', path: '/name', value: 'boo' }], { name: 'boo' }],
    [7, [one, two, three], [{ op: 'move', from: '/permissions/1', path: '/permissions/2' }], {}],
    [8, [one, two], [{ op: 'test', path: '/permissions/1', value: two }], {}],
    [9, [one], [{ op: 'test', path: '/name', value: 'bar' }], 409],
    [3, [one], [{ op: 'remove', path: '/name' }], 400],
    [15, [one], [{ op: 'test', path: '/permissions/0', value: String(one) }], 409],
    [16, [one], [{ op: 'add', path: '/permissions/-', value: [two, three] }], 400],
  ]
  for (const [section, permissions, patch, after] of cases) {
    const path = `/admin/groups/${await makeGroup(permissions)}/`
    const read = await request('GET', path, { key })
    const answer = await request('PATCH', path, {
      key,
      rawBody: JSON.stringify(patch),
      headers: { 'content-type': 'application/json-patch+json', 'if-match': read.headers.etag },
    })
    const name = `A.${section} ${JSON.stringify(patch)}: ${answer.text}`
    if (typeof after === 'number') t.equal(answer.status, after, name)
    else t.strictSame([answer.status, answer.body], [200, { ...read.body, ...after }], name)
  }
})
