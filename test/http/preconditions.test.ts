/** Conditional requests: what If-Match and If-None-Match of a write let through, and what a refusal tells. */
import type { OutgoingHttpHeaders } from 'node:http'
import t, { type Test } from 'tap'
import { everything } from '../helpers/everything.js'
import { faultsOf } from '../helpers/observe.js'
import { type Answer, type RequestOptions, startService } from '../helpers/service.js'
import { untilLocksAreAwaited } from '../helpers/until.js'

const settings = { PASSWORD_HASHER: 'pbkdf2_sha256', PBKDF2_ITERATIONS: '1' } as const
const service = await startService(t, settings)
const { request, makeUser, makeGroup, makePermission, makeCaller, findPermission, pool } = service
const { key } = await makeCaller({ username: 'root' })
const NOWHERE = 999_999

const send = (method: string, path: string, options: RequestOptions = {}) =>
  request(method, `/admin/${path}`, { key, ...options })
const tagOf = async (path: string): Promise<string> => (await send('GET', path)).headers.etag!
const ifMatch = (tags: string | string[]): OutgoingHttpHeaders =>
  ({ 'if-match': tags }) as OutgoingHttpHeaders

/** Every way to change one thing, each with what it is changed through. */
async function changes(): Promise<
  { name: string; read: string; method: string; path: string; options: RequestOptions; done: number }[]
> {
  const [group, given] = [await makeGroup([await makePermission()]), await makeGroup()]
  const user = await makeUser({ groups: [group], user_permissions: [await makePermission()] })
  const read = `users/${user}/`
  const whole = { ...(await send('GET', read)).body, last_name: 'Replaced' }
  const patch = (type: string, body: unknown) => ({
    rawBody: JSON.stringify(body),
    headers: { 'content-type': type },
  })
  const operations = [{ op: 'add', path: '/groups/-', value: given }]
  const on = (name: string, method: string, path: string, options: RequestOptions = {}, done = 200) => ({
    name,
    read: path.startsWith('groups') ? `groups/${group}/` : read,
    method,
    path,
    options,
    done,
  })
  return [
    on('PATCH', 'PATCH', read, { body: { first_name: 'Changed' } }),
    on('merge patch', 'PATCH', read, patch('application/merge-patch+json', { first_name: 'Merged' })),
    on('JSON Patch', 'PATCH', read, patch('application/json-patch+json', operations)),
    on('PUT', 'PUT', read, { body: whole }),
    on('a group given', 'PUT', `${read}groups/${await makeGroup()}/`, {}, 204),
    on('a group taken', 'DELETE', `${read}groups/${group}/`, {}, 204),
    on('a permission given', 'PUT', `${read}permissions/auth.view_user/`, {}, 204),
    on('a permission taken', 'DELETE', `${read}permissions/${await makePermission()}/`, {}, 204),
    on('PATCH of a group', 'PATCH', `groups/${group}/`, { body: { name: `patched-${group}` } }),
    on(
      'JSON Patch of a group',
      'PATCH',
      `groups/${group}/`,
      patch('application/json-patch+json', [{ op: 'replace', path: '/permissions', value: [] }]),
    ),
    on('PUT of a group', 'PUT', `groups/${group}/`, { body: { name: `put-${group}` } }),
    on('DELETE', 'DELETE', read, {}, 204),
    on('DELETE of a group', 'DELETE', `groups/${group}/`, {}, 204),
  ]
}

const withHeaders = (options: RequestOptions, headers: object): RequestOptions => ({
  ...options,
  headers: { ...options.headers, ...headers } as never,
})

t.test(
  'a condition that does not hold: 412 with the current tag, and nothing is written or recorded',
  async (t) => {
    for (const { name, read, method, path, options, done } of await changes()) {
      const etag = await tagOf(read)
      const inner = etag.slice(1, -1)
      const failing: object[] = [
        ifMatch('"x"'),
        ifMatch('""'),
        ifMatch(`W/${etag}`),
        ifMatch(`"x", W/${etag}, "${inner}x"`),
        ifMatch(`"${inner[0] === 'A' ? 'B' : 'A'}${inner.slice(1)}"`),
        ifMatch(`"${inner},${inner}"`),
        { 'if-none-match': '*' },
        { 'if-none-match': etag },
        { 'if-none-match': `"x", W/${etag}` },
        { ...ifMatch(etag), 'if-none-match': etag },
      ]
      const before = await everything(pool)
      for (const headers of failing) {
        const answer = await send(method, path, withHeaders(options, headers))
        const what = `${name} ${JSON.stringify(headers)}`
        t.strictSame(
          [answer.status, answer.body?.code, answer.headers.etag],
          [412, 'precondition_failed', etag],
          what,
        )
        t.equal(answer.body.errors, undefined, 'nothing changed that could be named')
      }
      const malformed = [
        '',
        ',',
        'x',
        inner,
        `"${inner}`,
        `${etag} ${etag}`,
        `*, ${etag}`,
        `${etag}, *`,
        `w/${etag}`,
        `W/ ${etag}`,
        '"a b"',
        "'x'",
      ]
      for (const list of malformed) {
        for (const header of ['if-match', 'if-none-match']) {
          const { status, body } = await send(method, path, withHeaders(options, { [header]: list }))
          t.strictSame([status, body?.code], [400, 'bad_request'], `${name} ${header}: ${list}`)
        }
      }
      t.strictSame(await everything(pool), before, `${name}: nothing is written`)
      const { status } = await send(method, path, withHeaders(options, ifMatch(etag)))
      t.equal(status, done, `${name}: with the tag that was read it is done`)
    }
  },
)

t.test('conditions that hold', async (t) => {
  const user = await makeUser()
  const path = `users/${user}/`
  let count = 0
  const patch = (headers: object) =>
    send('PATCH', path, { body: { first_name: `n${++count}` }, headers: headers as never })
  const lists: ((etag: string) => object)[] = [
    (etag) => ifMatch(etag),
    () => ifMatch('*'),
    () => ifMatch(' * '),
    (etag) => ifMatch(`"x", ${etag}`),
    (etag) => ifMatch(`${etag},"x"`),
    (etag) => ifMatch(`,, "x" ,\t, ${etag} , ,`),
    (etag) => ifMatch(`W/"x", "", W/${etag}, ${etag}`),
    (etag) => ifMatch(['"x"', etag]),
    (etag) => ifMatch(`"x,y", "é", ${etag}`),
    () => ({ 'if-none-match': '"x", W/"y"' }),
    (etag) => ({ ...ifMatch(etag), 'if-none-match': '"x"' }),
  ]
  for (const list of lists) {
    const headers = list(await tagOf(path))
    const { status, body } = await patch(headers)
    t.strictSame([status, body.first_name], [200, `n${count}`], JSON.stringify(headers))
  }
  for (const { name, method, path, options, done } of await changes())
    t.equal((await send(method, path, withHeaders(options, ifMatch('*')))).status, done, `${name} with *`)
  for (const method of ['PATCH', 'DELETE']) {
    for (const what of ['users', 'groups']) {
      const { status } = await send(method, `${what}/${NOWHERE}/`, {
        headers: ifMatch('*'),
        ...(method === 'PATCH' ? { body: {} } : {}),
      })
      t.equal(status, 404, `${method} ${what}: * of nothing`)
    }
  }
})

t.test('If-Match of a read', async (t) => {
  for (const path of [`users/${await makeUser()}/`, `groups/${await makeGroup()}/`]) {
    const etag = await tagOf(path)
    for (const tags of [etag, '*', `"x", ${etag}`])
      t.equal((await send('GET', path, { headers: ifMatch(tags) })).status, 200, tags)
    for (const tags of ['"x"', `W/${etag}`]) {
      const { status, headers, body } = await send('GET', path, { headers: ifMatch(tags) })
      t.strictSame([status, headers.etag, body.code], [412, etag, 'precondition_failed'], tags)
    }
    t.equal((await send('GET', path, { headers: ifMatch('x') })).status, 400)
    t.equal((await send('GET', path, { headers: { ...ifMatch('"x"'), 'if-none-match': etag } })).status, 412)
  }
})

t.test('whoever may delete, but not read, is told no tag and no field', async (t) => {
  const rights = await Promise.all(['delete_user', 'delete_group'].map(findPermission))
  const deleter = await makeCaller({ is_superuser: false, user_permissions: rights })
  for (const path of [`users/${await makeUser()}/`, `groups/${await makeGroup()}/`]) {
    const etag = await tagOf(path)
    await send('PATCH', path, { body: { [path.startsWith('users') ? 'first_name' : 'name']: 'Changed' } })
    const refused = await send('DELETE', path, { key: deleter.key, headers: ifMatch(etag) })
    t.strictSame([refused.status, refused.headers.etag, refused.body.errors], [412, undefined, undefined])
    const headers = ifMatch(await tagOf(path))
    t.equal((await send('DELETE', path, { key: deleter.key, headers })).status, 204)
  }
})

/** @returns the fields that a refusal names, after these changes were made to a user of whom the tag was read before */
async function named(make: (id: number, etag: string) => Promise<string | void>): Promise<string[]> {
  const id = await makeUser({ groups: [await makeGroup()], user_permissions: [await makePermission()] })
  const path = `users/${id}/`
  const etag = await tagOf(path)
  const tags = (await make(id, etag)) ?? etag
  const answer = await send('PATCH', path, { body: { first_name: 'Mine' }, headers: ifMatch(tags) })
  t.strictSame([answer.status, answer.headers.etag], [412, await tagOf(path)])
  const faults = faultsOf(answer.body)
  t.ok(Object.values(faults).every((code) => code === 'changed'))
  return Object.keys(faults).toSorted()
}

t.test('412 names exactly the fields that changed since', async (t) => {
  const [group, permission] = [await makeGroup(), await makePermission()]
  const values = {
    password: 'another one',
    is_superuser: true,
    username: 'renamed',
    first_name: 'Grace',
    last_name: 'Hopper',
    email: 'grace@example.com',
    is_staff: true,
    is_active: false,
    date_joined: '2020-01-01T00:00:00.000001Z',
    groups: [group],
    user_permissions: [permission],
  }
  for (const [field, value] of Object.entries(values)) {
    const patched = await named(
      async (id) => void (await send('PATCH', `users/${id}/`, { body: { [field]: value } })),
    )
    t.strictSame(patched, [`/${field}`], `${field}, by PATCH`)
    await pool.query("update auth_user set username = 'renamed before' where username = 'renamed'")
  }
  const bySql: [string[], string][] = [
    [['/email'], "update auth_user set email = 'sql@example.com' where id = $1"],
    [
      ['/is_active', '/is_staff'],
      'update auth_user set is_staff = true, is_active = false, last_login = now() where id = $1',
    ],
    [['/password'], "update auth_user set password = 'pbkdf2_sha256$1$other$aGFzaA==' where id = $1"],
    [['/groups'], `insert into auth_user_groups (user_id, group_id) values ($1, ${group})`],
    [['/user_permissions'], 'delete from auth_user_user_permissions where user_id = $1'],
    [
      ['/date_joined'],
      "update auth_user set date_joined = date_joined + interval '1 microsecond' where id = $1",
    ],
  ]
  for (const [fields, sql] of bySql)
    t.strictSame(await named(async (id) => void (await pool.query(sql, [id]))), fields, sql)
  t.strictSame(
    await named(async (id) => {
      await send('PATCH', `users/${id}/`, { body: { first_name: 'One', email: '' } })
      await pool.query("update auth_user set first_name = 'Ada' where id = $1", [id])
    }),
    ['/email'],
    'what changed and changed back is as it was',
  )
})

t.test('of several tags the least changed counts, and foreign ones name nothing', async (t) => {
  const change = (id: number, body: object) => send('PATCH', `users/${id}/`, { body })
  t.strictSame(
    await named(async (id, first) => {
      const second = (await change(id, { last_name: 'Second', email: '' })).headers.etag!
      await change(id, { is_staff: true })
      return `${first}, ${second}, "x"`
    }),
    ['/is_staff'],
  )
  const [other, group] = [await makeUser(), await makeGroup()]
  const foreign = [
    await tagOf(`users/${other}/`),
    await tagOf(`groups/${group}/`),
    '"x"',
    `"${'A'.repeat(48)}"`,
    `W/"${'A'.repeat(48)}"`,
  ]
  for (const tags of [...foreign, foreign.join(', ')]) t.strictSame(await named(async () => tags), [], tags)
  t.strictSame(
    await named(async (id, etag) => {
      await change(id, { email: '' })
      return `${foreign.join()}, ${etag}`
    }),
    ['/email'],
    'beside one of its own',
  )
  const renamed = await tagOf(`groups/${group}/`)
  await pool.query("update auth_group set name = 'renamed' where id = $1", [group])
  const { status, body } = await send('DELETE', `groups/${group}/`, { headers: ifMatch(renamed) })
  t.strictSame([status, faultsOf(body)], [412, { '/name': 'changed' }], 'a group')
})

/** Changes a row in a transaction of our own, and commits once the conditional request waits for it. */
async function underLock(
  t: Test,
  table: string,
  id: number,
  sql: string,
  ask: () => Promise<Answer>,
): Promise<Answer> {
  const client = await pool.connect()
  try {
    await client.query('begin')
    await client.query(`select from ${table} where id = $1 for update`, [id])
    await client.query(sql, [id])
    let isAnswered = false
    const answer = ask().finally(() => (isAnswered = true))
    await untilLocksAreAwaited(pool)
    t.notOk(isAnswered, 'it waits')
    await client.query('commit')
    return await answer
  } finally {
    client.release()
  }
}

t.test('a condition is looked at under the lock, on what was waited for', async (t) => {
  const renamed = "update auth_user set first_name = 'Meanwhile' where id = $1"
  const grouped = (group: number) => `insert into auth_user_groups (user_id, group_id) values ($1, ${group})`
  for (const { name, read, method, path, options } of await changes()) {
    const isGroup = path.startsWith('groups')
    const [, id] = read.split('/')
    const etag = await tagOf(read)
    const sqls = isGroup
      ? ["update auth_group set name = name || 'x' where id = $1"]
      : [renamed, grouped(await makeGroup())]
    for (const sql of sqls) {
      const ask = () => send(method, path, withHeaders(options, ifMatch(etag)))
      const answer = await underLock(t, isGroup ? 'auth_group' : 'auth_user', Number(id), sql, ask)
      t.strictSame([answer.status, answer.headers.etag], [412, await tagOf(read)], `${name}: ${sql}`)
      await pool.query("update auth_user set first_name = 'Ada' where id = $1", [id])
      await pool.query(
        'delete from auth_user_groups where user_id = $1 and group_id = (select max(id) from auth_group)',
        [id],
      )
    }
  }
})
