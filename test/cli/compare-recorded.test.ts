// What Django REST Framework answered to recorded requests, against what our service answers to the same ones.
import { writeFile } from 'node:fs/promises'
import path from 'node:path'
import t, { type Test } from 'tap'
import { RECORD } from '../../src/cli/compare/departures.js'
import { migrate } from '../../src/db/migrate.js'
import { type Case, callers, cases, fixture, newerStatus, recorded } from '../django/cases.js'
import { DEPARTURES } from '../django/departures.js'
import { HTML_HEADERS, JSON_HEADERS, startAnswering } from '../helpers/answering-server.js'
import { folder, run } from '../helpers/cli.js'
import { createDatabase } from '../helpers/database.js'
import { loadDjango } from '../helpers/django-schemas.js'
import { startService } from '../helpers/service.js'

/** Stands for the hashes that Django showed, of which the records keep the algorithm alone. */
const CANARY = 'canary_7c1e'

/** A filter that Django ignores: no simple rule tells whether the service's answer is the one that was asked for. */
const UNTOLD = [
  'GET list ?page_size=2',
  'GET list ?search=bob',
  'GET list ?ordering=-id',
  'GET list ?username=bob',
]

const departureOf = ({ name }: Case) =>
  DEPARTURES.find(({ cases }) =>
    cases.some((pattern) =>
      pattern.endsWith('*') ? name.startsWith(pattern.slice(0, -1)) : name === pattern,
    ),
  )

/** Changes nothing on either side, so that every request finds what Django found. */
const isHarmless = (one: Case): boolean =>
  recorded.get(one.name)!.changes.length === 0 &&
  (one.method === 'GET' || (departureOf(one)?.status ?? 400) >= 400)

/** Can be written as a line of a file, and goes over the wire as it was recorded. */
const isWritable = (one: Case): boolean =>
  one.caller === 'admin' &&
  [one.body_gen, one.body_b64, one.chunked, one.head_encoding].every((special) => special === undefined) &&
  (one.body === null || one.method !== 'GET') &&
  /^(?:GET|HEAD|OPTIONS|POST|PUT|PATCH|DELETE)$/.test(one.method) &&
  new URL(`http://x${one.path}`).href === `http://x${one.path}` &&
  one.headers.every(([name]) => !/^(?:host|content-length|authorization)$/i.test(name))

const chosen = cases.filter((one) => isHarmless(one) && isWritable(one))

/** Answers the chosen requests in their order, as Django did. */
function startDjango(t: Test): Promise<string> {
  const waiting = chosen.map(({ name }) => recorded.get(name)!)
  return startAnswering(t, ({ headers }) => {
    const { status, kind, body } = waiting.shift()!
    const text = kind === 'json' ? JSON.stringify(body, withHash) : String(body ?? '')
    return {
      status,
      headers: kind === 'json' ? JSON_HEADERS : kind === 'html' ? HTML_HEADERS : {},
      body: text.replaceAll('{{base}}', `http://${headers.host}`),
    }
  })
}

const withHash = (name: string, value: unknown): unknown =>
  name === 'password' && typeof value === 'string'
    ? value.replace(/^<(.*)>$/, (_, algorithm) =>
        algorithm === '!' ? `!${CANARY}` : `${algorithm}$${CANARY}`,
      )
    : value

/** Our service on the tables of Django 3.2. */
async function startBeside(t: Test): Promise<string> {
  const database = await createDatabase(t, { template: 'empty' })
  await loadDjango(database.pool, '3.2')
  await migrate(database.url)
  await database.pool.query(fixture)
  return (await startService(t, { PAGE_SIZE: '5' }, database)).url
}

t.test('nothing differs that is not listed, and what is listed is told by its row', async (t) => {
  const [django, service] = [await startDjango(t), await startBeside(t)]
  const file = path.join(await folder(t), 'requests.ndjson')
  const lines = chosen.map(({ name, method, path, headers, body }) => ({ name, method, path, headers, body }))
  await writeFile(file, lines.map((line) => JSON.stringify(line)).join('\n'))
  const sides = ['--django', `${django}/admin`, '--service', `${service}/admin`]
  const { status, stdout, stderr } = await run(['compare', ...sides, '--requests', file, '--json'], {
    DJANGO_AUTHORIZATION: callers.admin!,
    SERVICE_AUTHORIZATION: callers.admin!,
  })
  t.notMatch(stdout + stderr, CANARY)
  t.match(stderr, /^\d+ the same, \d+ with known differences, \d+ different\.$/m)
  t.equal(status, 1, 'because of those that no rule tells')

  const findings: any[] = stdout
    .trimEnd()
    .split('\n')
    .map((line) => JSON.parse(line))
  t.ok(findings.length > 300)
  t.equal(findings.length, chosen.length)
  for (const [index, one] of chosen.entries()) {
    const { verdict, differences, service: status } = findings[index]
    const [file, says] = departureOf(one)?.rule ?? []
    const asNewer = newerStatus.get(one.name) === status
    t.equal(
      verdict === 'different',
      UNTOLD.includes(one.name) || asNewer,
      `${one.name}: ${JSON.stringify(differences)}`,
    )
    if (file !== RECORD || UNTOLD.includes(one.name)) continue
    const rows: string[] = differences.flatMap((difference: any) => difference.rows ?? [])
    t.ok(
      rows.some((row) => says!.startsWith(row) || row.startsWith(says!)),
      `${one.name}: ${says} is not in ${rows}`,
    )
  }
})
