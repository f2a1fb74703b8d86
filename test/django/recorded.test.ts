/**
 * What Django REST Framework answered and did, recorded, against what our service answers and does: the same
 * status, the same state of Django's tables, the same names of fields in errors, the same body of a success.
 */
import { readFile } from 'node:fs/promises'
import t from 'tap'
import { verifyPassword } from '../../src/domain/passwords/registry.js'
import { createDatabase } from '../helpers/database.js'
import { schemaUnderTest } from '../helpers/django-schemas.js'
import { startService } from '../helpers/service.js'
import { type Case, cases, fixture, newerStatus, type Outcome, recorded } from './cases.js'
import { DEPARTURES } from './departures.js'
import { idle, judge, type Verdict } from './judge.js'
import { send } from './replay.js'
import { algorithmOf, isStoredPassword, State, timeOf } from './state.js'

t.test('every recorded case has its like, or departs as a rule says', async (t) => {
  const { url, state } = await startDjangoLike(t)
  const verdicts: Verdict[] = []
  for (const one of cases) {
    const verdict = judge(one, recorded.get(one.name)!, await replay(url, state, one))
    verdicts.push(verdict)
    t.strictSame(verdict.faults, [], one.name)
  }
  t.strictSame(idle(verdicts), [], 'every departure is needed')
  const departed = verdicts.filter(({ entry }) => entry !== undefined)
  t.comment(`${cases.length} cases, ${departed.length} of them depart`)
})

t.test('the records belong together', async (t) => {
  t.strictSame([...recorded.keys()].sort(), cases.map(({ name }) => name).sort())
  for (const name of newerStatus.keys()) t.ok(recorded.has(name), name)
})

t.test('every departure names a rule that is written down', async (t) => {
  for (const { rule } of DEPARTURES) {
    const [file, says] = rule
    const text = await readFile(new URL(`../../docs/decisions/${file}`, import.meta.url), 'utf8')
    const table = file.startsWith('0003')
    const written = text.replace(/\s+/g, ' ').includes(table ? `| ${says}` : says)
    t.ok(written, `${file}: ${says}`)
  }
})

/** Our service on Django's tables, by default those of 3.2, with the settings that the recorded Django had. */
async function startDjangoLike(t: { teardown(fn: () => unknown): unknown }) {
  const database = await createDatabase(t, { django: schemaUnderTest() ?? '3.2' })
  const { url } = await startService(t, { PAGE_SIZE: '5' }, database)
  const client = await database.pool.connect()
  t.teardown(() => client.release(true))
  return { url, state: await State.over(client, fixture) }
}

async function replay(url: string, state: State, one: Case): Promise<Outcome> {
  const started = Date.now()
  const { status, text } = await send(new URL(url), one)
  const changes = await state.changes(started)
  const target = one.target === null ? undefined : state.user(one.target, started)
  // A password that is as it was needs no trying: each costs as much as a login.
  const written = changes.some(({ cols, row }) => 'password' in (cols ?? row ?? {}))
  const stored = one.target === null || !written ? undefined : state.storedPassword(one.target)
  const clears = stored === undefined ? [] : (one.check_password ?? [])
  const [matches] = await Promise.all([
    Promise.all(clears.map((clear) => verifyPassword(clear, stored!))),
    changes.length > 0 || (await state.sequencesMoved()) ? state.reset() : undefined,
  ])
  const passwords = Object.fromEntries(clears.map((clear, index) => [shortened(clear), matches[index]!]))
  return { status, ...read(text, url, started), changes, target, passwords }
}

/** As long passwords are named in the records. */
function shortened(clear: string): string {
  const characters = [...clear]
  return characters.length < 140 ? clear : `${characters.slice(0, 20).join('')}…(${characters.length})`
}

function read(text: string, url: string, started: number): Pick<Outcome, 'kind' | 'body'> {
  if (text === '') return { kind: 'empty', body: null }
  const normalise = (key: string, value: unknown): unknown => {
    if (typeof value !== 'string') return value
    if (key === 'password' && isStoredPassword(value)) return algorithmOf(value)
    if ((key === 'last_login' || key === 'date_joined') && timeOf(value, started) === '<now>') return '<now>'
    return value.startsWith(url) ? `{{base}}${value.slice(url.length)}` : value
  }
  try {
    return { kind: 'json', body: JSON.parse(text, normalise) }
  } catch {
    return { kind: /<html|<!doctype/i.test(text) ? 'html' : 'text', body: text }
  }
}
