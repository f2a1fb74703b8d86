// The plugin in a host's own app: what is the host's stays as it was.
import { setTimeout as sleep } from 'node:timers/promises'
import Fastify from 'fastify'
import pg from 'pg'
import t from 'tap'
import userAdmin, { type UserAdminOptions } from '../../src/index.js'
import { insertApiKey } from '../../src/db/api-keys.js'
import { Database } from '../../src/db/database.js'
import { insertSuperuser } from '../../src/db/superusers.js'
import { hashApiKey, makeApiKey, visiblePrefix } from '../../src/domain/api-key.js'
import { createDatabase } from '../helpers/database.js'

const { url, pool } = await createDatabase(t)
const database = new Database(pool, { timeoutMs: 5_000, prepared: true })
const userId = await insertSuperuser(database, { username: 'admin', password: '!', email: '' })
const key = makeApiKey()
await insertApiKey(database, { userId, prefix: visiblePrefix(key), hash: hashApiKey(key), expiresAt: null })
const authorization = `Bearer ${key}`

const patch = (path: string, payload: object) =>
  ({ method: 'PATCH', url: path, payload, headers: { authorization } }) as const

t.test('two prefixes in one app, on the host’s pool and on one of its own', async (t) => {
  const app = Fastify()
  await app.register(userAdmin, { prefix: '/admin', database: pool })
  await app.register(userAdmin, { prefix: '/api/v1/directory', database: url, patchRequired: ['username'] })
  t.teardown(() => app.close())

  const one = await app.inject(patch(`/admin/users/${userId}/`, { first_name: 'Ada' }))
  t.equal(one.statusCode, 200, one.body)
  t.equal(one.json().first_name, 'Ada')
  const two = await app.inject(patch(`/api/v1/directory/users/${userId}`, { first_name: 'Eva' }))
  t.equal(two.statusCode, 400, 'its own options')
  t.match(two.json(), { type: '/api/v1/directory/problems/#invalid', username: ['This field is required.'] })
  t.equal((await app.inject({ url: '/admin/nothing/' })).json().code, 'not_found')
})

t.test('the host’s routes, schemas, validators and handlers stay untouched', async (t) => {
  const app = Fastify({ ajv: { customOptions: { coerceTypes: true, removeAdditional: true } } })
  app.addSchema({ $id: 'User', type: 'object', properties: { age: { type: 'integer' } } })
  app.decorateRequest('actor', null)
  app.setErrorHandler((error: Error, _request, reply) => reply.code(418).send({ host: error.message }))
  app.setNotFoundHandler((_request, reply) => reply.code(404).send({ host: 'not found' }))
  app.addContentTypeParser('text/csv', { parseAs: 'string' }, async (_request: unknown, body: string) => ({
    csv: body,
  }))
  await app.register(userAdmin, { prefix: '/admin', database: pool })
  app.post('/echo', { schema: { body: { $ref: 'User#' } } }, async (request) => request.body)
  app.get('/fail', async () => {
    throw new Error('of the host')
  })
  t.teardown(() => app.close())

  const echo = await app.inject({ method: 'POST', url: '/echo', payload: { age: '7' } })
  t.same(echo.json(), { age: 7 }, 'the host still coerces')
  t.same((await app.inject('/fail')).json(), { host: 'of the host' })
  t.same((await app.inject('/none')).json(), { host: 'not found' })
  const csv = await app.inject({
    method: 'POST',
    url: '/echo',
    payload: 'a',
    headers: { 'content-type': 'text/csv' },
  })
  t.same(csv.json(), { csv: 'a' })
  const bare = await app.inject({ method: 'DELETE', url: '/echo' })
  t.equal(bare.statusCode, 404, 'no 405 of ours outside of the prefix')

  t.equal(
    (await app.inject(patch(`/admin/users/${userId}/`, { is_staff: 'true' }))).statusCode,
    400,
    'ours is strict',
  )
  const form = {
    method: 'PATCH',
    url: `/admin/users/${userId}/`,
    payload: 'a',
    headers: { authorization, 'content-type': 'text/csv' },
  } as const
  t.equal((await app.inject(form)).statusCode, 415)
})

t.test('a host whose router ignores the final slash', async (t) => {
  const app = Fastify({ routerOptions: { ignoreTrailingSlash: true } })
  await app.register(userAdmin, { prefix: '/admin', database: pool })
  t.teardown(() => app.close())
  for (const path of [`/admin/users/${userId}/`, `/admin/users/${userId}`]) {
    t.equal((await app.inject({ url: path, headers: { authorization } })).statusCode, 200, path)
  }
})

t.test('without a prefix', async (t) => {
  const app = Fastify()
  await app.register(userAdmin, { database: pool })
  t.teardown(() => app.close())
  t.equal((await app.inject(patch(`/users/${userId}/`, { first_name: 'Ada' }))).statusCode, 200)
})

t.test('the pool of the host outlives the app; a pool of its own does not', async (t) => {
  const own = new pg.Pool({ connectionString: url, max: 1 })
  t.teardown(() => own.end())
  const app = Fastify()
  await app.register(userAdmin, { prefix: '/admin', database: own })
  await app.close()
  t.same((await own.query('select 1 as one')).rows, [{ one: 1 }])
})

t.test('a backend of the host’s pool that is killed inside of a transaction', async (t) => {
  const warm = new pg.Pool({ connectionString: url, max: 1 })
  warm.on('error', () => {})
  t.teardown(() => warm.end())
  const { rows } = await warm.query('select pg_backend_pid() as pid')
  const app = Fastify()
  await app.register(userAdmin, { prefix: '/admin', database: warm })
  t.teardown(() => app.close())
  const locker = await pool.connect()
  await locker.query('begin')
  await locker.query('select 1 from auth_user where id = $1 for update', [userId])
  const answer = app.inject(patch(`/admin/users/${userId}/`, { first_name: 'Eve' }))
  const isWaiting = async () =>
    (await pool.query('select wait_event_type from pg_stat_activity where pid = $1', [rows[0].pid])).rows[0]
      ?.wait_event_type === 'Lock'
  while (!(await isWaiting())) await sleep(5)
  await pool.query('select pg_terminate_backend($1)', [rows[0].pid])
  t.match(await answer, { statusCode: 503, headers: { 'retry-after': '1' } }, 'and the process lives')
  await locker.query('rollback')
  locker.release()
  t.equal((await app.inject(patch(`/admin/users/${userId}/`, { first_name: 'Eve' }))).statusCode, 200)
})

t.test('a column that is altered while statements are prepared on it', async (t) => {
  const own = await createDatabase(t)
  const app = Fastify()
  await app.register(userAdmin, { prefix: '/admin', database: own.url })
  t.teardown(() => app.close())
  const db = new Database(own.pool, { timeoutMs: 5_000, prepared: true })
  const id = await insertSuperuser(db, { username: 'admin', password: '!', email: '' })
  const own_key = makeApiKey()
  await insertApiKey(db, { userId: id, prefix: 'x', hash: hashApiKey(own_key), expiresAt: null })
  const change = () =>
    app.inject({
      method: 'PATCH',
      url: `/admin/users/${id}/`,
      payload: { first_name: 'Ada' },
      headers: { authorization: `Bearer ${own_key}` },
    })
  t.equal((await change()).statusCode, 200)
  await own.pool.query('alter table auth_user alter first_name type varchar(200)')
  t.equal((await change()).statusCode, 200)
})

t.test('tables that cannot be served, and options that contradict them, fail the boot', async (t) => {
  const empty = await createDatabase(t, { template: 'empty' })
  const boot = async (options: UserAdminOptions) => {
    await Fastify().register(userAdmin, { prefix: '/admin', ...options })
  }
  await t.rejects(boot({ database: empty.pool }), { name: 'UnservableSchemaError' })
  await t.rejects(boot({ database: pool, firstNameMaxLength: 151 }), { message: /FIRST_NAME_MAX_LENGTH/ })
})
