// The command `compare` between two servers: what it says, what it changes, and what it says when it can't compare.
import { writeFile } from 'node:fs/promises'
import type { IncomingMessage } from 'node:http'
import path from 'node:path'
import t, { type Test } from 'tap'
import { JSON_HEADERS, type Reply, startAnswering } from '../helpers/answering-server.js'
import { type Ended, folder, run } from '../helpers/cli.js'
import { startService } from '../helpers/service.js'

const service = await startService(t)
const admin = await service.makeCaller({ username: 'machine' })
const api = `${service.url}/admin`
const credentials = {
  DJANGO_AUTHORIZATION: `Bearer ${admin.key}`,
  SERVICE_AUTHORIZATION: `Bearer ${admin.key}`,
}

const compare = (django: string, args: string[] = [], env = {}): Promise<Ended> =>
  run(['compare', '--django', django, '--service', api, ...args], { ...credentials, ...env })

const found = ({ stdout }: Ended): any[] =>
  stdout
    .split('\n')
    .filter(Boolean)
    .map((line) => JSON.parse(line))

/** A server beside, whose API has another path. @returns the URL of that */
const startDjango = async (t: Test, reply: Parameters<typeof startAnswering>[1]): Promise<string> =>
  `${await startAnswering(t, reply)}/api/admin`

/** What our service answers to a request for that other server. */
async function ownAnswer({ method, url, headers }: IncomingMessage, body: string): Promise<Reply> {
  const { 'content-type': type, authorization } = headers
  const answer = await service.request(method!, url!.replace('/api/', '/'), {
    rawBody: body === '' ? undefined : body,
    headers: { ...(type && { 'content-type': type }), ...(authorization && { authorization }) },
  })
  return {
    status: answer.status,
    headers: { 'content-type': String(answer.headers['content-type']) },
    body: answer.text,
  }
}

/** Everything that is stored of users and of what happened. */
async function stored(): Promise<unknown> {
  const { rows } = await service.pool.query(`
    select json_agg(u order by id) as users, (select json_agg(g order by id) from auth_user_groups g) as groups,
      (select json_agg(p order by id) from auth_user_user_permissions p) as permissions,
      (select count(*) from user_admin.audit_event) as events
    from auth_user u`)
  return rows[0]
}

t.test('a service is like itself, and nobody is changed by finding that out', async (t) => {
  const group = await service.makeGroup([1])
  const odd = {
    first_name: ' Ada',
    email: 'Ada@EXAMPLE.com',
    username: 'ﬁn',
    last_login: '2024-01-02T03:04:05.678901Z',
  }
  const id = await service.makeUser({
    ...odd,
    password: 'pbkdf2_sha256$1$x$x',
    groups: [group],
    user_permissions: [2, 3],
  })
  const before = await stored()
  const ended = await compare(api, ['--user', String(id), '--user', String(admin.id), '--json'])
  t.match(ended, { status: 0, stderr: /^\d+ the same, 0 with known differences, 0 different\.\n$/ })
  const findings = found(ended)
  t.ok(findings.length > 60)
  t.strictSame([...new Set(findings.map(({ verdict }) => verdict))], ['same'])
  t.strictSame(await stored(), before)

  const named = (name: string) => findings.find((finding) => finding.name === `user ${id}: ${name}`)
  t.match(named('read'), { method: 'GET', path: `/users/${id}/`, django: 200, service: 200, differences: [] })
  t.match(named('what was read, sent back'), { method: 'PATCH', django: 200 })
  t.match(named('every field of a wrong type'), { django: 400 })
  t.match(named('without credentials'), { django: 401 })
  t.match(named('with wrong credentials'), { django: 401 })
  t.match(named('a body that says it is a text'), { django: 415 })
  const faulty = findings.filter(({ name }) =>
    / (?:username|password|name|address|time|null|group) ?/.test(name),
  )
  t.ok(faulty.length > 15 && faulty.every(({ django }) => django === 400 || django === 200))
})

t.test('by default it asks about the caller, and speaks to people', async (t) => {
  const { status, stdout } = await compare(`${api}/`)
  t.equal(status, 0)
  t.match(stdout, `\nsame       user ${admin.id}: an empty PATCH\n`)
  t.match(stdout, '\nsame       an unknown path\n')
})

t.test('what a Django writes otherwise, answers more openly, or takes', async (t) => {
  const hash = 'argon2$argon2id$v=19$m=102400,t=2,p=8$canary$canary'
  await service.pool.query('update auth_user set password = $1 where id = $2', [hash, admin.id])
  const django = await startDjango(t, async (request, body) => {
    const own = await ownAnswer(request, body)
    if (own.status === 400 && body.includes('"a b"')) {
      const { username: _allowed, ...others } = JSON.parse(own.body!)
      return { ...own, body: JSON.stringify(others) }
    }
    const text = own.body!.replace('argon2$********', hash).replace(/(\d)Z"/g, '$1+00:00"')
    return { ...own, body: text.replaceAll('"/admin', '"/api/admin') }
  })
  const ended = await compare(django)
  t.equal(ended.status, 1)
  t.notMatch(ended.stdout, 'canary')
  t.match(
    ended.stdout,
    /\nknown {6}user \d+: an empty PATCH\n {11}\/password: \(hidden\) in Django, \(hidden\) here \(0003: A serial.*\)\n/,
  )
  t.match(
    ended.stdout,
    /\n {11}\/date_joined: "[^"]+\+00:00" in Django, "[^"]+Z" here \(the same, written otherwise\)\n/,
  )
  t.match(
    ended.stdout,
    /\ndifferent {2}user \d+: a username with a space\n {11}\/username: allowed in Django, refused here\. Enter a valid username/,
  )
  t.match(ended.stderr, /, 1 different\.\n$/)
})

t.test('a view that can only be changed is read by an empty PATCH', async (t) => {
  const methods = new Set<string>()
  const django = await startDjango(t, (request, body) => {
    methods.add(request.method!)
    if (request.method !== 'GET' || !/users\/\d+\/?$/.test(request.url!)) return ownAnswer(request, body)
    return { status: 405, headers: JSON_HEADERS, body: '{"detail": "No GET."}' }
  })
  const ended = await compare(django)
  t.match(ended.stdout, /^same {7}user \d+: read by an empty PATCH\n/)
  t.strictSame([...methods].sort(), ['GET', 'PATCH'])
})

t.test('a Django that takes whatever comes is not given what it must not take', async (t) => {
  const bodies: string[] = []
  const django = await startDjango(t, (request, body) => {
    bodies.push(body)
    const isPatch = request.method === 'PATCH' && body !== '' && body !== '{'
    return ownAnswer(request, isPatch ? '{}' : body)
  })
  const { status } = await compare(django)
  t.equal(status, 1)
  t.ok(
    bodies.some((body) => body.startsWith('{"password":{},')),
    'it was tried with what is of no type',
  )
  t.notOk(
    bodies.some((body) => /"password":"|x{31}|nowhere/.test(body)),
    'and after that with nothing',
  )
})

t.test('a user who is changed meanwhile is told of', async (t) => {
  for (const [sql, what] of [
    ["first_name = 'Changed'", 'first_name'],
    ["password = 'argon2$other'", 'its password'],
  ]) {
    const id = await service.makeUser({ password: 'argon2$one' })
    const django = await startDjango(t, async (request, body) => {
      if (body.includes('is_active":null'))
        await service.pool.query(`update auth_user set ${sql} where id = $1`, [id])
      return ownAnswer(request, body)
    })
    const ended = await compare(django, ['--user', String(id)])
    t.match(ended, { status: 2, stderr: `error: User ${id} is not as it was: ${what} changed meanwhile.` })
  }
})

t.test("a client's own requests go to the service first, and write", async (t) => {
  const id = await service.makeUser({ first_name: 'Ada', email: 'ada@example.com' })
  const seen: string[] = []
  const django = await startDjango(t, async (request, body) => {
    const { rows } = await service.pool.query('select first_name from auth_user where id = $1', [id])
    seen.push(`${request.method} ${request.url} ${request.headers['x-client']} ${rows[0].first_name} ${body}`)
    return request.url!.includes('?')
      ? { status: 200, headers: JSON_HEADERS, body: '{}' }
      : ownAnswer(request, body)
  })
  const file = path.join(await folder(t), 'requests.ndjson')
  const lines = [
    { method: 'PATCH', path: `/users/${id}/`, body: { first_name: 'Grace' }, headers: { 'X-Client': 'crm' } },
    {
      name: 'whole path',
      method: 'PATCH',
      path: `/api/admin/users/${id}/`,
      body: '{"email": ""}',
      headers: [['Authorization', 'Token x']],
    },
    { method: 'GET', path: `/users/${id}/?no_such=1` },
  ]
  await writeFile(file, `${lines.map((line) => JSON.stringify(line)).join('\n\n')}\n`)
  const ended = await compare(django, ['--requests', file, '--json'])
  t.strictSame(seen, [
    `PATCH /api/admin/users/${id}/ crm Grace {"first_name":"Grace"}`,
    `PATCH /api/admin/users/${id}/ undefined Grace {"email": ""}`,
    `GET /api/admin/users/${id}/?no_such=1 undefined Grace `,
  ])
  t.match(found(ended), [
    { name: `PATCH /users/${id}/`, verdict: 'same', django: 200, service: 200 },
    { name: 'whole path', path: `/users/${id}/`, verdict: 'same' },
    {
      verdict: 'known',
      differences: [
        {
          at: 'status',
          record: '0003-departures-from-drf.md',
          rows: ['Unknown query parameters are ignored, `?format=xml` is 404'],
        },
      ],
    },
  ])
  t.equal(ended.status, 0)
  const { body } = await service.request('GET', `/admin/users/${id}/`, { key: admin.key })
  t.match(body, { first_name: 'Grace', email: '' })
})
