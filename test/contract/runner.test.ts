// The runner of the command: what it prints is TAP, and what it counts is what happened.
import t from 'tap'
import { runChecks } from '../../src/contract/runner.js'

t.test('what it prints', async (t) => {
  const lines: string[] = []
  const summary = await runChecks(
    async (t) => {
      t.ok(1, 'a # b')
      await t.test('inner', async (t) => {
        t.equal(1, 2, 'numbers')
        t.pass('left out', { skip: 'no reason' })
      })
      await t.test('thrown', async () => {
        throw new Error('by a check')
      })
      t.pass()
    },
    (line) => lines.push(line),
  )
  t.match(summary, { passed: 2, skipped: 1 })
  t.strictSame(summary.failures[0], { path: ['inner', 'numbers'], detail: 'found  1\nwanted 2' })
  t.match(summary.failures[1], { path: ['thrown', 'nothing is thrown'], detail: /^Error: by a check\n/ })
  t.strictSame(lines.slice(0, 12), [
    'TAP version 14',
    String.raw`ok 1 - a \# b`,
    '# Subtest: inner',
    '    not ok 1 - numbers',
    '      ---',
    '      detail: |',
    '        found  1',
    '        wanted 2',
    '      ...',
    '    ok 2 - left out # SKIP no reason',
    '    1..2',
    'not ok 2 - inner',
  ])
  t.strictSame(lines.slice(-2), ['ok 4 - as it should be', '1..4'])
})

t.test('what is right and what is not', async (t) => {
  const { passed, failures } = await runChecks(
    async (t) => {
      t.ok('x')
      t.notOk(0)
      t.not(1, '1')
      t.strictSame({ a: [1] }, { a: [1] })
      t.match('abc', /b/)
      t.ok('', '1')
      t.notOk('x', '2')
      t.not(1, 1, '3')
      t.equal(1, '1', '4')
      t.strictSame({ a: [1] }, { a: ['1'] }, '5')
      t.match('abc', /d/, '6')
      t.match(undefined, /undefined/, '7')
    },
    () => {},
  )
  t.equal(passed, 5)
  t.strictSame(
    failures.map(({ path }) => path),
    ['1', '2', '3', '4', '5', '6', '7'].map((name) => [name]),
  )
})
