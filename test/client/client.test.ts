// The client's operations, with what TypeScript says of them, against the service.
import Fastify from 'fastify'
import t from 'tap'
import {
  dataOf,
  makeClient,
  type ProblemCode,
  ProblemError,
  UnexpectedAnswerError,
} from '../../src/client/index.js'
import userAdmin from '../../src/index.js'
import { PROBLEMS } from '../../src/errors.js'
import { HTML_HEADERS, startAnswering } from '../helpers/answering-server.js'
import { startService } from '../helpers/service.js'

const service = await startService(t)
const { url: baseUrl, makeUser, makeGroup, makeCaller } = service
const { key, id: boss } = await makeCaller()
const client = makeClient({ baseUrl, key })
const pathOf = (id: number) => ({ path: { id: String(id) } })

t.test('an operation answers what the document says', async (t) => {
  const { data, error, response } = await client.GET('/admin/users/{id}/', { params: pathOf(boss) })
  t.equal(response.status, 200)
  t.equal(error, undefined)
  const superuser: boolean | undefined = data?.is_superuser
  t.equal(superuser, true)
  // @ts-expect-error a user has no such field
  t.equal(data?.nickname, undefined)
})

t.test('bodies, names of groups and answers of every method', async (t) => {
  const body = { username: 'made-by-client', password: 'correct horse battery staple' }
  const made = await dataOf(client.POST('/admin/users/', { body }))
  t.equal(made?.username, 'made-by-client')
  const id = made!.id
  const group = await makeGroup()
  const prefer = 'return=representation'
  const membership = { path: { id: String(id), group: String(group) }, header: { prefer } }
  t.match(await dataOf(client.PUT('/admin/users/{id}/groups/{group}/', { params: membership })), {
    groups: [group],
  })
  const bulk = await dataOf(client.PATCH('/admin/users/', { body: [{ id, last_name: 'Byron' }] }))
  t.match(bulk.results, [{ id, status: 200, user: { last_name: 'Byron' } }])
  t.equal(await dataOf(client.DELETE('/admin/users/{id}/', { params: pathOf(id) })), undefined)
})

t.test('what TypeScript refuses, the service would refuse too', async (t) => {
  const id = await makeUser()
  const params = pathOf(id)
  // @ts-expect-error a flag is no text
  const wrongType = await client.PATCH('/admin/users/{id}/', { params, body: { is_staff: 'true' } })
  t.equal(wrongType.error?.code, 'invalid')
  // @ts-expect-error a replacement names the user
  const incomplete = await client.PUT('/admin/users/{id}/', { params, body: {} })
  t.equal(incomplete.error?.code, 'invalid')
  // @ts-expect-error no such list
  const nowhere: { response: Response } = await client.GET('/admin/people/')
  t.equal(nowhere.response.status, 404)
})

t.test('every code of the catalogue is one to switch on, and there are no others', async (t) => {
  // It compiles only as long as the codes of both are the same.
  const codes: Record<ProblemCode, unknown> = PROBLEMS
  const back: Record<keyof typeof PROBLEMS, unknown> = codes
  t.ok('last_superuser' in back)
})

t.test('a refusal has its code, its faults and its request', async (t) => {
  const id = await makeUser()
  const params = pathOf(id)
  const body = { username: 'not allowed', groups: [987_654] }
  const refused = await client.PATCH('/admin/users/{id}/', { params, body })
  t.equal(refused.error?.code, 'invalid')
  const error = await dataOf(client.PATCH('/admin/users/{id}/', { params, body })).catch((error) => error)
  t.type(error, ProblemError)
  t.match(error, {
    code: 'invalid',
    status: 400,
    requestId: String,
    retryAfterSeconds: undefined,
    message: /^Invalid input; \/username .*; \/groups\/0 /,
  })
  t.same(
    error.errors.map(({ pointer }: { pointer: string }) => pointer),
    ['/username', '/groups/0'],
  )
})

t.test('who lacks a permission is told which', async (t) => {
  const { key } = await makeCaller({ is_superuser: false })
  const error = await dataOf(makeClient({ baseUrl, key }).GET('/admin/users/')).catch((error) => error)
  t.match(error, { code: 'permission_denied', missingPermissions: ['auth.view_user'] })
})

t.test('what something else than the service answers is no problem document', async (t) => {
  const url = await startAnswering(t, () => ({ status: 403, headers: HTML_HEADERS, body: '<h1>No</h1>' }))
  const error = await dataOf(makeClient({ baseUrl: url, key }).GET('/admin/me/')).catch((error) => error)
  t.type(error, UnexpectedAnswerError)
  t.equal(error.status, 403)
})

t.test('credentials: a key, a header, and one that is made anew for each request', async (t) => {
  const nobody = await makeClient({ baseUrl }).GET('/admin/me/')
  t.equal(nobody.error?.code, 'not_authenticated')
  const headers = [`Bearer wrong`, `Bearer ${key}`]
  const changing = makeClient({ baseUrl, authorization: async () => headers.shift()! })
  t.equal((await changing.GET('/admin/me/')).error?.code, 'authentication_failed')
  t.equal((await changing.GET('/admin/me/')).data?.user?.id, boss)
  t.equal(
    (await makeClient({ baseUrl, authorization: `Bearer ${key}` }).GET('/admin/me/')).response.status,
    200,
  )
})

t.test('a dry run changes nothing, and has a type of its own', async (t) => {
  const id = await makeUser()
  const body = { first_name: 'Grace' }
  const dry = await dataOf(client.dryRun.PATCH('/admin/users/{id}/', { params: pathOf(id), body }))
  const user: string | undefined = dry?.user.first_name
  t.equal(user, 'Grace')
  // @ts-expect-error a deletion has no dry run
  const refused: { error?: { code: string } } = await client.dryRun.DELETE('/admin/users/{id}/', {
    params: pathOf(id),
  })
  t.equal(refused.error?.code, 'invalid')
  t.match(await dataOf(client.GET('/admin/users/{id}/', { params: pathOf(id) })), { first_name: 'Ada' })
  const rehearsed = { ...pathOf(id), query: { dry_run: true } }
  // @ts-expect-error here its answer would have the wrong type
  await client.PATCH('/admin/users/{id}/', { params: rehearsed, body })
})

t.test('a plugin that stands under another prefix', async (t) => {
  const app = Fastify()
  t.teardown(() => app.close())
  await app.register(userAdmin, { prefix: '/people', database: service.databaseUrl })
  const elsewhere = makeClient({
    baseUrl: await app.listen({ host: '127.0.0.1', port: 0 }),
    key,
    prefix: '/people',
  })
  t.match(await dataOf(elsewhere.GET('/admin/users/{id}/', { params: pathOf(boss) })), { id: boss })
  t.match(await dataOf(elsewhere.GET('/admin/me/')), { user: { id: boss } })
  t.match(await elsewhere.update(boss, () => ({ last_name: 'Hopper' })), { last_name: 'Hopper' })
})
