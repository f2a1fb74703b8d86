// What nobody may see: passwords, hashes and keys, in any answer, log line, error, audit event, trace or metric.
import { randomUUID } from 'node:crypto'
import pg from 'pg'
import t, { type Test } from 'tap'
import { PublishedDocument } from '../src/contract/document.js'
import { type ObservedService, startObserved } from './helpers/observed-service.js'
import { untilLocksAreAwaited } from './helpers/until.js'

const CANARY = 'canary_4f1d9a'
/** As Django stores it. */
const HASH = `argon2$argon2id$v=19$m=102400,t=2,p=8$${Buffer.from(CANARY).toString('base64')}$Y2FuYXJ5X2hhc2g`

const partsOf = (secret: string) => [secret, secret.split(/[$.]/).at(-1)!]

async function seesNone(t: Test, service: ObservedService, secrets: string[]): Promise<void> {
  const { rows } = await service.seeded.pool.query('select password from auth_user')
  const stored = rows.map(({ password }) => password).filter((password) => !password.startsWith('!'))
  t.ok(stored.length > 0, 'passwords were stored')
  const all = new Set([...secrets, ...stored].flatMap(partsOf))
  for (const [where, text] of Object.entries(await service.end())) {
    t.ok(text.length > 10, `something is seen of ${where}`)
    t.same(
      [...all].filter((secret) => text.includes(secret)).map((secret) => `${secret.slice(0, 12)}…`),
      [],
      `${where}: nothing of any`,
    )
  }
}

t.test('everything that may be wrong with an update', async (t) => {
  const service = await startObserved(t)
  const { seeded, provider, request } = service
  const { id, key } = await seeded.makeCaller({ username: 'root' })
  const jwt = await provider.sign({ sub: 'root' })
  const forged = await provider.sign({ sub: 'root', aud: CANARY })
  const path = `/admin/users/${id}/`
  const patch = (body: unknown) => request('PATCH', path, { key, body })
  const json = { 'content-type': 'application/json' }
  const patchType = { 'content-type': 'application/json-patch+json' }
  const once = { 'idempotency-key': '"8e03978e-40d5-43dd-bc93-6894a57f9324"' }
  const operations = (...list: object[]) =>
    request('PATCH', path, { key, rawBody: JSON.stringify(list), headers: patchType })
  const set = (value: unknown) => ({ op: 'replace', path: '/password', value })

  const answers = [
    await patch({ password: CANARY }),
    await patch({ password: `${CANARY}${'x'.repeat(128)}` }),
    await patch({ password: { nested: CANARY } }),
    await patch({ password: CANARY, username: '' }),
    await patch({ password: `argon2$${CANARY}` }),
    await patch({ password: `${CANARY}$********` }),
    await request('PATCH', path, { key, rawBody: `{"password": "${CANARY}`, headers: json }),
    await request('PATCH', path, { key, rawBody: `{"password": "${CANARY}", "password": 1}`, headers: json }),
    await request('PATCH', path, { key, rawBody: CANARY, headers: { 'content-type': 'text/plain' } }),
    await request('PATCH', `${path}?format=${CANARY}`, { key, body: {} }),
    await request('GET', path, { headers: { authorization: `Bearer uak_${CANARY}` } }),
    await request('GET', path, { headers: { authorization: `Token ${CANARY}` } }),
    await request('GET', path, { headers: { authorization: `Basic ${CANARY}` } }),
    await request('GET', path, { key }),
    await request('PATCH', path, { key, body: { password: CANARY }, headers: once }),
    await request('PATCH', path, { key, body: { password: CANARY }, headers: once }),
    await request('PATCH', path, { key, body: { password: `${CANARY}2` }, headers: once }),
    await request('PATCH', path, { key, body: { password: CANARY }, headers: { 'if-match': '"x"' } }),
    await request('PATCH', `${path}?dry_run=true`, { key, body: { password: CANARY } }),
    await operations(set(CANARY)),
    await operations(set([CANARY])),
    await operations(set(CANARY), { op: 'test', path: '/first_name', value: CANARY }),
    await operations({ op: 'test', path: '/password', value: CANARY }),
    await request('PATCH', path, { key: jwt, body: { password: CANARY } }),
    await request('PATCH', path, { key: forged, body: { password: CANARY } }),
    await request('PATCH', path, { key: `${jwt}x`, body: { password: CANARY } }),
  ]
  t.same(
    answers.map(({ status }) => status),
    [
      ...[200, 400, 400, 400, 200, 400, 400, 400, 415, 400, 401, 401, 401, 200],
      ...[200, 200, 422, 412, 200, 200, 400, 409, 400],
      ...[200, 401, 401],
    ],
  )
  const { rows: events } = await seeded.pool.query('select e::text from user_admin.audit_event e')
  t.equal(events.length, 5, 'the changes')
  await seesNone(t, service, [CANARY, HASH, key, jwt, forged])
})

t.test('every operation, by everybody who may call and some who may not', async (t) => {
  const service = await startObserved(t)
  const { seeded, provider, request } = service
  const { key } = await seeded.makeCaller({ username: 'root' })
  const jwt = await provider.sign({ sub: 'root' })
  const wrong = [`uak_${CANARY.padEnd(43, 'x')}`, `${key.slice(0, -1)}_`, `${jwt}x`]
  const document = new PublishedDocument((await request('GET', '/openapi.json')).body)
  const statuses = new Set<number>()
  for (const { method, path, operation } of document.operations()) {
    for (const credential of [key, jwt, ...wrong]) {
      for (const password of [CANARY, HASH]) {
        const [user, group] = [await seeded.makeUser(), await seeded.makeGroup()]
        const kind = /\/(groups|users)\//.exec(path)?.[1]
        const url = path
          .replace('{id}', String(kind === 'groups' ? group : user))
          .replace('{group}', String(group))
          .replace('{permission}', String(await seeded.makePermission()))
        const fields = kind === 'groups' ? { name: `group ${group}`, permissions: [password] } : { password }
        const one = { username: `user-${user}-${statuses.size}`, ...fields }
        const isMany = operation.operationId === 'updateUsers'
        const body = isMany ? [{ id: user, ...fields }] : one
        const answer = await request(method, url, {
          key: credential,
          headers: method === 'GET' ? {} : { 'idempotency-key': `"${randomUUID()}"` },
          ...(operation.requestBody === undefined ? {} : { body }),
        })
        statuses.add(answer.status)
      }
    }
  }
  t.same([...statuses].toSorted(), [200, 201, 204, 400, 401, 404], 'some succeeded, and some were refused')
  await seesNone(t, service, [CANARY, HASH, key, jwt, ...wrong])
})

t.test('every failure of the database', async (t) => {
  const service = await startObserved(t, { DATABASE_TIMEOUT_MS: '5000' })
  const { seeded, request } = service
  const { key } = await seeded.makeCaller({ username: 'root' })
  const { pool } = seeded
  const change = async (fields: object = {}) => {
    const body = { password: CANARY, ...fields }
    const headers = { 'idempotency-key': `"${randomUUID()}"` }
    const answer = await request('PATCH', `/admin/users/${await seeded.makeUser()}/`, { key, body, headers })
    return answer.status
  }
  t.equal(await change(), 200)
  await seeded.makeUser({ username: 'taken' })
  t.equal(await change({ username: 'taken' }), 400, 'what is taken')

  await pool.query("alter table auth_user add constraint own check (last_name <> 'forbidden')")
  t.equal(await change({ last_name: 'forbidden' }), 400, 'a constraint whose error has the whole row in it')

  const holder = new pg.Client({ connectionString: seeded.databaseUrl })
  await holder.connect()
  t.teardown(() => holder.end())
  await holder.query('begin; lock table user_admin.audit_event in access exclusive mode')
  t.equal(await change(), 503, 'too slow')
  const waiting = change()
  await untilLocksAreAwaited(holder)
  await holder.query(
    "select pg_terminate_backend(pid) from pg_stat_activity where datname = current_database() and wait_event_type = 'Lock'",
  )
  t.equal(await waiting, 503, 'a backend that is killed')
  await holder.query('rollback')

  await pool.query(`
    create function fail() returns trigger language plpgsql as $$
    begin raise exception 'the row is %', new using detail = new.password, hint = new.password; end $$;
    create trigger fail before update on auth_user for each row when (new.first_name = 'fail') execute function fail()`)
  t.equal(await change({ first_name: 'fail' }), 500, 'a trigger that says what it sees')

  await pool.query('alter table user_admin.audit_event rename to elsewhere')
  t.equal(await change(), 500, 'a table that is gone')
  await pool.query('alter table user_admin.elsewhere rename to audit_event')
  t.equal(await change(), 200)
  await seesNone(t, service, [CANARY, HASH, key])
})
