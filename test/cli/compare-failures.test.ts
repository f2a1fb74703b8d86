// What can't be compared, and what is said of it.
import { writeFile } from 'node:fs/promises'
import path from 'node:path'
import t from 'tap'
import type { Side } from '../../src/cli/compare/exchange.js'
import { readCaller, readUserOn } from '../../src/cli/compare/reading.js'
import { readRequests } from '../../src/cli/compare/recorded.js'
import { HTML_HEADERS, JSON_HEADERS, type Reply, startAnswering } from '../helpers/answering-server.js'
import { type Ended, folder, run } from '../helpers/cli.js'
import { startService } from '../helpers/service.js'

const { url, makeCaller } = await startService(t)
const { id, key } = await makeCaller()
const api = `${url}/admin`
const credentials = { DJANGO_AUTHORIZATION: `Bearer ${key}`, SERVICE_AUTHORIZATION: `Bearer ${key}` }

const compare = (django: string, args: string[] = [], env = {}): Promise<Ended> =>
  run(['compare', '--django', django, '--service', api, ...args], { ...credentials, ...env })

/** What is said where Django is at this URL. */
const saidOf = async (base: string, timeoutMs = 10_000): Promise<string> => {
  const authorization = `Bearer ${key}`
  const django: Side = { name: 'Django', base, authorization }
  const service: Side = { name: 'the service', base: api, authorization }
  const failure = await readUserOn({ django, service }, id, timeoutMs).catch((error: Error) => error)
  return (failure as Error).message
}

t.test('a Django that shows no user', async (t) => {
  const replies: [reply: Reply, said: RegExp][] = [
    [{ status: 200, headers: HTML_HEADERS, body: '<h1>Log in</h1>' }, /with 200 and HTML\. Check the URL/],
    [
      { status: 404, headers: JSON_HEADERS, body: '{"detail": "Not found."}' },
      /with 404 and JSON\. Check the URL, which is what comes before \/users\//,
    ],
    [
      { status: 302, headers: { location: '/login/' } },
      /with a redirect \(302\) to \/login\/\. Give the URL/,
    ],
    [{ status: 401, headers: JSON_HEADERS, body: '{}' }, /with 401 and JSON\. Check DJANGO_AUTHORIZATION/],
    [{ status: 403, headers: HTML_HEADERS, body: '<p>' }, /with 403 and HTML\. Check DJANGO_AUTHORIZATION/],
    [{ status: 500, headers: HTML_HEADERS, body: '<p>' }, /with 500 and HTML\. Its log says why/],
    [{ status: 200, headers: JSON_HEADERS, body: '[]' }, /with 200 and JSON\. Check the URL/],
    [{ status: 200, headers: JSON_HEADERS, body: '{"id"' }, /with 200 and a text that is no JSON/],
    [{ status: 200 }, /with 200 and no body/],
    [{ status: 429, headers: JSON_HEADERS, body: '{}' }, /it answers 429 for now/],
    [
      { status: 200, headers: JSON_HEADERS, body: ' '.repeat(17_000_000) },
      /it is larger than 16777216 bytes/,
    ],
  ]
  for (const [reply, said] of replies) {
    const base = await startAnswering(t, () => reply)
    const message = await saidOf(base)
    t.match(message, said)
    t.match(message, `${base}/users/${id}/`)
  }
  t.match(
    await saidOf(await startAnswering(t, () => new Promise(() => {})), 300),
    /^Django: no answer to GET .*: it took too long$/,
  )
  t.match(
    await saidOf('http://no-such-host.invalid'),
    /^Django: no answer to GET .*: .*no-such-host\.invalid/,
  )
})

t.test('a service that is none', async (t) => {
  const caller = (base: string, authorization: string) =>
    readCaller({ name: 'the service', base, authorization }, 5_000)
  await t.resolves(caller(api, `Bearer ${key}`))
  await t.rejects(caller(url, `Bearer ${key}`), { message: /\/me\/ with 404 and JSON\. Check the URL/ })
  await t.rejects(caller(api, 'Bearer uak_x'), { message: /with 401 and JSON\. Check SERVICE_AUTHORIZATION/ })
  const other = await startAnswering(t, () => ({ status: 200, headers: JSON_HEADERS, body: '{}' }))
  await t.rejects(caller(other, 'Token x'), { message: /does not tell who calls/ })
})

t.test('a faulty file is told by its line', async (t) => {
  const file = path.join(await folder(t), 'requests.ndjson')
  const faults: [line: string, what: string][] = [
    ['{"method": "PATCH", "password": "canary"', 'it must be a JSON object'],
    ['[]', 'it must be a JSON object'],
    ['{"method": "TRACE", "path": "/users/1/"}', '"method" must be one of GET, '],
    ['{"method": "GET", "path": "users/1/"}', '"path" must begin with /'],
    ['{"method": "GET", "path": "/users/../1/"}', 'without segments like ..'],
    ['{"method": "GET", "path": "/users/é/"}', 'be encoded'],
    ['{"method": "GET", "path": "/users/#x"}', 'be encoded'],
    ['{"method": "GET", "path": "/users/1/", "body": {}}', 'a GET has no "body"'],
    ['{"method": "GET", "path": "/users/1/", "headers": {"a b": "c"}}', '"headers" must be'],
    ['{"method": "GET", "path": "/users/1/", "name": 1}', '"name" must be a text'],
  ]
  for (const [line, what] of faults) {
    await writeFile(file, `{"method": "PATCH", "path": "/users/1/", "body": {}}\n${line}`)
    const failure = await readRequests(file, api).catch((error: Error) => error)
    const { message } = failure as Error
    t.ok(message.startsWith(`${file}, line 2: `) && message.includes(what), message)
    t.notMatch(message, 'canary')
  }
  await t.rejects(readRequests(`${file}.none`, api), { message: /can't be read: ENOENT/ })
})

t.test('the command then has the status 2, and has sent nothing', async (t) => {
  const seen: string[] = []
  const html = await startAnswering(t, ({ url }) => {
    seen.push(url!)
    return { status: 404, headers: HTML_HEADERS, body: '<p>' }
  })
  const file = path.join(await folder(t), 'requests.ndjson')
  await writeFile(file, '{"method": "GET", "path": "/users/"}\n{}')
  const faulty = await compare(html, ['--requests', file])
  t.match(faulty, { status: 2, stdout: '', stderr: /^error: .*, line 2: / })
  t.strictSame(seen, [])
  await writeFile(file, '{"method": "GET", "path": "/users/"}')
  const useless = await compare(html, ['--requests', file])
  t.match(useless, { status: 2, stderr: /^error: None of the answers of Django was JSON/m })
  const wrong = await compare(html)
  t.match(wrong, { status: 2, stdout: '', stderr: /^error: Django answers GET .*\n$/ })
  t.match(await compare(api, ['--timeout', '0.001']), { status: 2, stderr: /it took too long\n$/ })
})

t.test('credentials come from the environment, and are not told', async (t) => {
  const ended = await Promise.all([
    compare(api, [], { DJANGO_AUTHORIZATION: '', SERVICE_AUTHORIZATION: 's3cret' }),
    compare(api, [], { SERVICE_AUTHORIZATION: 'Bearer s3cret' }),
    compare('http://ada:s3cret@127.0.0.1:9/'),
    compare('s3cret'),
  ])
  const said = [
    /\n {2}DJANGO_AUTHORIZATION must be .*\n {2}SERVICE_AUTHORIZATION must be .*\n$/,
    /the service answers .* with 401 and JSON\. Check SERVICE_AUTHORIZATION/,
    'error: --django must not hold credentials: they come from the environment\n',
    'error: --django must be a URL such as https://host/admin\n',
  ]
  for (const [index, { status, stdout, stderr }] of ended.entries()) {
    t.match({ status, stdout, stderr }, { status: 2, stdout: '', stderr: said[index] })
    t.notMatch(stderr, 's3cret')
  }
})

t.test('arguments that are none', async (t) => {
  const faulty = [['--user', '01'], ['--timeout', '0'], ['--timeout', 'soon'], ['--no-such']]
  for (const { status, stdout, stderr } of await Promise.all(faulty.map((args) => compare(api, args))))
    t.match({ status, stdout, stderr }, { status: 2, stdout: '', stderr: /^error: / })
})
