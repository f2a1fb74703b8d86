/** The judge of the recorded cases sees every kind of difference, and excuses none but those listed. */
import t from 'tap'
import { type Case, cases, type Change, newerStatus, type Outcome, recorded } from './cases.js'
import { DEPARTURES } from './departures.js'
import { idle, judge } from './judge.js'

const caseOf = (name: string): Case => cases.find((one) => one.name === name)!
const judged = (name: string, changed: Partial<Outcome>) => {
  const django = recorded.get(name)!
  return judge(caseOf(name), django, { ...django, ...changed })
}

t.test('what differs and is not listed is a fault', async (t) => {
  const update = recorded.get('first_name: length 1')!
  const cell = (first_name: string): Change[] => [
    { ...update.changes[0]!, cols: { first_name: ['Alice', first_name] } },
  ]
  const differing: [string, Partial<Outcome>][] = [
    ['first_name: length 1', { status: 201 }],
    ['first_name: length 1', { changes: [] }],
    ['first_name: length 1', { changes: cell('y') }],
    [
      'first_name: length 1',
      { changes: [...update.changes, { table: 'auth_group', op: 'delete', key: [1] }] },
    ],
    ['first_name: length 1', { target: { ...update.target, is_staff: true } }],
    ['first_name: length 1', { target: null }],
    ['first_name: length 1', { body: { ...update.body, first_name: 'y' } }],
    ['first_name: length 1', { body: { ...update.body, more: 1 } }],
    ['first_name: length 1', { body: null, kind: 'empty' }],
    ['password: length 1', { passwords: { p: false } }],
    ['first_name: length 31', { body: { code: 'invalid' } }],
    ['first_name: length 31', { body: { first_name: ['It is too long.'], email: ['It is too long.'] } }],
    ['auth: anonymous may not', { body: { code: 'not_authenticated' } }],
  ]
  for (const [name, changed] of differing) {
    t.match(judged(name, changed).faults, ['no rule covers it'], `${name}: ${JSON.stringify(changed)}`)
    t.strictSame(judged(name, {}).faults, [], name)
  }
})

t.test('what no answer may be is a fault whatever Django answered', async (t) => {
  const refused = 'first_name: length 31'
  const change: Change = { table: 'auth_user', op: 'delete', key: [6] }
  t.match(judged(refused, { changes: [change] }).faults, [/a refusal changed/])
  const messages = [[], 'Too long.', [''], ['too long'], ['It is undefined.'], ['See /usr/lib/x.js.'], [1]]
  for (const message of messages) {
    t.match(judged(refused, { body: { first_name: message } }).faults, [/nobody can read first_name/])
  }
  t.strictSame(judged(refused, { body: { first_name: ['It is too long.'], code: 'x' } }).faults, [])
  t.match(judged('nesting of 500 in groups', {}).faults, ['status 500'])
})

t.test('a departure excuses what it says, and nothing else', async (t) => {
  t.match(judged('path id: 06', {}).faults, ['it is as in Django: no departure is needed'])
  const nothing = {
    body: { detail: 'Not found.' },
    changes: [],
    target: recorded.get('path id: 6.')!.target!,
  }
  t.strictSame(judged('path id: 06', { ...nothing, status: 404 }).faults, [])
  t.match(judged('path id: 06', { ...nothing, status: 403 }).faults, ['403, and its rule says 404'])

  const upper = recorded.get('email: upper-case domain')!
  const lower = { ...upper.body, email: 'Alice@example.org' }
  t.strictSame(judged('email: upper-case domain', { body: lower }).faults, [])
  t.match(judged('email: upper-case domain', { body: { ...lower, id: 7 } }).faults, [
    /does not allow for id$/,
  ])
})

t.test('of two versions of Django either answer will do', async (t) => {
  for (const [name, status] of newerStatus) {
    const newer = { status, changes: [], body: { last_login: ['It is no time.'], email: ['It is none.'] } }
    t.strictSame(judged(name, newer).faults, [], name)
  }
})

t.test('what is listed for nothing is found', async (t) => {
  const all = idle([])
  t.ok(DEPARTURES.every(({ cases }) => cases.every((name) => all.includes(name))))
  t.ok(all.includes('auth_user_groups'))
})
