/** Each check of the fuzzer, told a lie: what it would never say is found by nobody. */
import t from 'tap'
import { PublishedDocument } from '../../src/contract/document.js'
import type { Answer } from '../../src/contract/http.js'
import { startService } from '../helpers/service.js'
import {
  checkAny,
  checkHead,
  checkIndifferent,
  checkListed,
  checkMethod,
  checkNegative,
  checkPositive,
  checkRead,
  checkReplay,
  checkStatus,
} from './checks.js'
import { Figures } from './figures.js'
import type { Plan } from './plans.js'
import { requireKnown } from './vocabulary.js'

const service = await startService(t)
const { key, id } = await service.makeCaller()
const { body: published } = await service.request('GET', '/openapi.json')
const document = new PublishedDocument(published)

const path = `/admin/users/${id}/`
const true_ = {
  read: await service.request('GET', path, { key }),
  made: await service.request('POST', '/admin/groups/', { key, body: { name: 'made' } }),
  list: await service.request('GET', '/admin/users/', { key }),
  unknown: await service.request('GET', path),
  unsupported: await service.request('PATCH', path, {
    key,
    rawBody: 'x',
    headers: { 'content-type': 'x/y' },
  }),
  invalid: await service.request('PATCH', path, { key, body: { is_staff: 1 } }),
  method: await service.request('POST', path, { key }),
}

type Lie = Partial<Pick<Answer, 'status' | 'body' | 'text'>> & {
  headers?: Record<string, string | undefined>
}

/** An answer that is otherwise true. */
function lie(answer: Answer, { headers, ...changes }: Lie): Answer {
  const told = { ...answer, ...changes, headers: { ...answer.headers, ...headers } }
  return 'body' in changes ? { ...told, text: JSON.stringify(changes.body) } : told
}

const problem = (status: number, body: object): Answer => lie(true_.invalid, { status, body })

t.test('any answer', async (t) => {
  const check = (method: string, answer: Answer, at = path) =>
    checkAny(document, { method, path: at }, answer)
  t.strictSame(check('GET', true_.read), [])
  t.strictSame(check('POST', true_.made, '/admin/groups/'), [])
  t.strictSame(check('GET', true_.list, '/admin/users/'), [])
  t.strictSame(check('GET', true_.unknown), [])
  t.strictSame(check('PATCH', true_.unsupported), [])
  t.strictSame(check('PATCH', true_.invalid), [])
  t.strictSame(check('POST', true_.method), [])

  const { body } = true_.read
  const { etag: _, ...untagged } = true_.read.headers
  const lies: Record<string, [string, Answer, RegExp, string?]> = {
    'a status that is not documented': ['GET', lie(true_.read, { status: 202 }), /is not documented/],
    'another media type': [
      'GET',
      lie(true_.read, { headers: { 'content-type': 'text/html; charset=utf-8' } }),
      /is of the media type text\/html/,
    ],
    'a body that is none of the schema': [
      'GET',
      lie(true_.read, { body: { ...body, is_staff: 1 } }),
      /is_staff/,
    ],
    'a field too many': ['GET', lie(true_.read, { body: { ...body, extra: 1 } }), /additional properties/],
    'a field too few': ['GET', lie(true_.read, { body: { ...body, email: undefined } }), /'email'/],
    'no date-time': ['GET', lie(true_.read, { body: { ...body, last_login: 'now' } }), /"date-time"/],
    'a reference that is none': [
      'GET',
      lie(true_.list, { body: { ...true_.list.body, next: 'http://[' } }),
      /"uri-reference"/,
      '/admin/users/',
    ],
    'a body that is no JSON': ['GET', { ...true_.read, body: undefined, text: 'x' }, /object/],
    'no entity tag': ['GET', { ...true_.read, headers: untagged }, /the documented header etag/],
    'no Location': [
      'POST',
      lie(true_.made, { headers: { location: undefined } }),
      /the documented header location/,
      '/admin/groups/',
    ],
    'a body where none was preferred': [
      'POST',
      lie(true_.made, { headers: { 'preference-applied': 'return=minimal' } }),
      /has a body/,
      '/admin/groups/',
    ],
    'no challenge': [
      'GET',
      lie(true_.unknown, { headers: { 'www-authenticate': undefined } }),
      /www-authenticate/,
    ],
    'no accepted types': [
      'PATCH',
      lie(true_.unsupported, { headers: { 'accept-patch': undefined } }),
      /accept-patch/,
    ],
    'no allowed methods': ['POST', lie(true_.method, { headers: { allow: undefined } }), /allow/],
    'a defect': ['GET', problem(500, { ...true_.invalid.body, status: 500 }), /failed with 500/],
    'too much to do, where nobody asks for anything': [
      'GET',
      lie(problem(503, { ...true_.unknown.body, status: 503, code: 'busy' }), {
        headers: { 'retry-after': '1' },
      }),
      /failed with 503/,
    ],
    'a problem of another status': [
      'PATCH',
      lie(true_.invalid, { body: { ...true_.invalid.body, status: 404 } }),
      /404/,
    ],
    'a code that is not listed': [
      'PATCH',
      lie(true_.invalid, { body: { ...true_.invalid.body, code: 'odd' } }),
      /code/,
    ],
    'a secret': [
      'GET',
      lie(true_.read, { body: { ...body, email: `uak_${'a'.repeat(43)}` } }),
      /shows a secret/,
    ],
  }
  for (const [name, [method, answer, expected, at]] of Object.entries(lies))
    t.match(check(method, answer, at).join('\n'), expected, name)
})

t.test('headers are held to their schemas', async (t) => {
  const { body: copy } = await service.request('GET', '/openapi.json')
  copy.paths['/admin/users/{id}/'].get.responses['200'].headers.etag.schema.pattern = '^W/'
  const changed = new PublishedDocument(copy)
  t.match(checkAny(changed, { method: 'GET', path }, true_.read).join(), /header etag that .* pattern/)
})

t.test('valid requests', async (t) => {
  const refused = (status: number, body: object) => checkPositive('updateUser', problem(status, body)).length
  t.equal(checkPositive('readUser', true_.read).length, 0)
  const fault = (code: string) => ({ pointer: '/username', code, detail: 'x' })
  t.equal(refused(400, { code: 'invalid', errors: [fault('unique')] }), 0, 'a name that is taken')
  t.equal(refused(400, { code: 'invalid', errors: [fault('unique'), fault('max_length')] }), 1)
  t.equal(refused(400, { code: 'invalid', errors: [] }), 1)
  t.equal(refused(400, { code: 'invalid', detail: 'The URL is not valid: wait needs after.' }), 0)
  t.equal(refused(400, { code: 'invalid', detail: 'The URL is not valid: it is Tuesday.' }), 1)
  t.equal(refused(404, { code: 'not_found', detail: 'Not found' }), 1, 'what is there')
  t.equal(refused(404, { code: 'not_found', detail: 'Invalid page.' }), 0)
  t.equal(refused(403, { code: 'permission_denied', detail: 'No.' }), 1)
  t.equal(refused(412, { code: 'precondition_failed' }), 0)
  t.equal(checkPositive('checkUserPermission', problem(404, { code: 'not_found' })).length, 0)
  const many = (code: string) =>
    lie(true_.read, { status: 207, body: { results: [{ status: 200 }, { status: 400, problem: { code } }] } })
  t.equal(checkPositive('updateUsers', many('patch_conflict')).length, 0)
  t.equal(checkPositive('updateUsers', many('invalid')).length, 1, 'one of many')
})

t.test('wrong requests', async (t) => {
  t.equal(checkNegative(true_.invalid, [400]).length, 0)
  t.equal(checkNegative(true_.read, [400]).length, 1, 'accepted')
  t.equal(checkNegative(true_.invalid, [404]).length, 1, 'refused for something else')
  const many = (status: number) =>
    lie(true_.read, { status: 207, body: { results: [{ status: 200 }, { status }] } })
  t.equal(checkNegative(many(400), [400]).length, 0)
  t.equal(checkNegative(many(200), [400]).length, 1, 'all of many accepted')
})

t.test('methods, HEAD, and who asks', async (t) => {
  t.strictSame(checkMethod(true_.method, ['GET', 'PUT', 'PATCH', 'DELETE']), [])
  t.equal(checkMethod(true_.method, ['GET', 'PUT', 'PATCH']).length, 1, 'one that is not documented')
  t.equal(
    checkMethod(true_.method, ['GET', 'PUT', 'PATCH', 'DELETE', 'POST']).length,
    1,
    'one that is missing',
  )
  t.equal(checkMethod(lie(true_.method, { status: 404 }), ['GET', 'PUT', 'PATCH', 'DELETE']).length, 1)
  t.equal(checkHead(true_.read, { ...true_.read, text: '' }).length, 0)
  t.equal(checkHead(true_.read, lie(true_.read, { status: 404 })).length, 1)
  t.equal(checkHead(true_.read, lie(true_.read, { headers: { etag: '"x"' } })).length, 1)
  t.equal(checkIndifferent(true_.read, true_.read).length, 0)
  t.equal(checkIndifferent(true_.read, lie(true_.read, { status: 401 })).length, 1)
  t.equal(checkIndifferent(true_.read, lie(true_.read, { body: {} })).length, 1)
  t.equal(checkStatus(true_.unknown, 401, '').length, 0)
  t.equal(checkStatus(true_.read, 401, '').length, 1, 'credentials that were ignored')
  t.equal(checkStatus(true_.read, 404, '').length, 1, 'used after its deletion')
})

t.test('what was written', async (t) => {
  t.equal(checkRead(true_.read, true_.read).length, 0)
  t.equal(checkRead(true_.read, lie(true_.read, { status: 404 })).length, 1, 'is not there')
  t.equal(checkRead(true_.read, lie(true_.read, { body: { ...true_.read.body, email: 'x' } })).length, 1)
  t.equal(checkRead(true_.read, lie(true_.read, { headers: { etag: '"x"' } })).length, 1)
  const replayed = lie(true_.made, { headers: { 'idempotent-replayed': 'true' } })
  t.equal(checkReplay(true_.made, replayed).length, 0)
  t.equal(checkReplay(true_.made, true_.made).length, 1, 'done again')
  t.equal(checkReplay(true_.made, lie(replayed, { headers: { location: '/x' } })).length, 1)
  t.equal(checkReplay(true_.made, lie(replayed, { body: {} })).length, 1)
  t.equal(checkListed(true_.list, id, true).length, 0)
  t.equal(checkListed(true_.list, id, false).length, 1, 'still listed')
  t.equal(checkListed(true_.list, -1, true).length, 1, 'not listed')
  t.equal(checkListed(lie(true_.list, { status: 400 }), id, false).length, 1)
})

t.test('a run that looked at nothing', async (t) => {
  const run = async () => false
  const notes = (
    figures: Figures,
    kind: Plan['kind'],
    count: number,
    isAccepted: boolean,
    at = 'readUser',
  ) => {
    for (let noted = 0; noted < count; noted++)
      figures.note(at, { kind, what: '', run }, isAccepted, [200, 404])
  }
  const entries = document.operations()
  const dead = new Figures(entries)
  notes(dead, 'positive', 10, false)
  t.strictSame(dead.lacks(), ['readUser accepted none of its valid requests'])
  notes(dead, 'positive', 1, true)
  t.strictSame(dead.lacks(), [])
  notes(dead, 'positive', 30, true)
  t.strictSame(dead.lacks(), ['readUser was sent no wrong request'])
  notes(dead, 'negative', 1, false)
  t.strictSame(dead.lacks(), [])
  t.match(String(dead), /^readUser +41 +31 +1 +0 {2}200: 42, 404: 42$/m)

  const wrong = new Figures(entries)
  notes(wrong, 'negative', 40, false)
  t.strictSame(wrong.lacks(), ['readUser was sent no valid request'])
  const open = new Figures(entries)
  notes(open, 'positive', 40, true, 'readHealth')
  t.strictSame(open.lacks(), [], 'where nothing can be wrong')
  notes(open, 'positive', 1_000, true, 'readHealth')
  const kinds = ['credentials', 'life', 'negative', 'protocol']
  t.strictSame(
    open.lacks(),
    kinds.map((kind) => `no case was of the kind ${kind}`),
  )
})

t.test('what the generator does not know', async (t) => {
  requireKnown(document)
  const { schemas } = published.components
  const changed = (name: string, schema: object) =>
    new PublishedDocument({ ...published, components: { schemas: { ...schemas, [name]: schema } } })
  t.throws(
    () => requireKnown(changed('Odd', { type: 'object', properties: { a: { oneOf: [] } } })),
    /Odd\/a: oneOf/,
  )
  t.throws(() => requireKnown(changed('Odd', { type: 'string', format: 'ipv6' })), /the format ipv6/)
  t.throws(
    () => requireKnown(changed('Odd', { type: 'object', additionalProperties: {} })),
    /additionalProperties/,
  )
  const asks = (parameter: object) => () =>
    requireKnown(
      new PublishedDocument({
        ...published,
        paths: { '/odd': { get: { operationId: 'odd', parameters: [parameter], responses: {} } } },
      }),
    )
  t.throws(asks({ name: 'a', in: 'cookie', schema: {} }), /cookie/)
  t.throws(asks({ name: 'a', in: 'header', required: true, schema: {} }), /required parameter a in header/)
})
