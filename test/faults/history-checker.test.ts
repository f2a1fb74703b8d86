/** The checker of histories catches every kind of lie, planted into a history that is true. */
import t from 'tap'
import { type Event, findLies, type History, type Operation, type State } from './history.js'

const USER = 1
const state = (name: string, ...groups: number[]): State => ({ name, groups })
const write = (
  written: State,
  began: number,
  ended: number,
  outcome: Operation['outcome'] = 'done',
): Operation => ({
  kind: 'write',
  user: USER,
  began,
  ended,
  outcome,
  state: written,
})
const read = (seen: State, began: number, ended: number): Operation => ({
  ...write(seen, began, ended),
  kind: 'read',
})
const event = (before: State, after: State): Event => ({
  user: USER,
  changes: { name: [before.name, after.name], groups: [before.groups, after.groups] },
})

const [start, a, b, c] = [state('start'), state('a', 1, 2), state('b', 3), state('c')]

/** `a`, then `b` and `c` at once with reads of each, and one more write whose outcome nobody knows. */
const TRUE_HISTORY: History = {
  initial: new Map([[USER, start]]),
  operations: [
    read(start, 0, 1),
    write(a, 0, 10),
    read(start, 2, 9),
    read(a, 2, 9),
    read(a, 11, 12),
    write(b, 20, 40),
    write(c, 20, 40),
    read(a, 21, 30),
    read(c, 22, 39),
    read(b, 31, 39),
    read(b, 41, 42),
    write(state('d'), 50, 51, 'unknown'),
    write(state('e'), 52, 53, 'not done'),
  ],
  events: [event(start, a), event(a, c), event(c, b)],
  final: new Map([[USER, b]]),
}

const plant = (change: Partial<History>): string[] => findLies({ ...TRUE_HISTORY, ...change })
const also = (...operations: Operation[]): string[] =>
  plant({ operations: [...TRUE_HISTORY.operations, ...operations] })

t.test('what is true passes', async (t) => {
  t.strictSame(findLies(TRUE_HISTORY), [])
  const d = state('d')
  t.strictSame(
    plant({ events: [...TRUE_HISTORY.events, event(b, d)], final: new Map([[USER, d]]) }),
    [],
    'with an unknown write that took effect',
  )
  const only = { user: USER, changes: { name: ['start', 'a'] as const } }
  t.strictSame(
    findLies({
      initial: new Map([[USER, start]]),
      operations: [write(state('a'), 0, 1)],
      events: [only],
      final: new Map([[USER, state('a')]]),
    }),
    [],
    'and with an event of one field',
  )
})

const LIES: Record<string, [RegExp, string[]]> = {
  'a write that is lost': [/write of f \[\] is not in the history/, also(write(state('f'), 60, 61))],
  'a write that is made twice': [
    /b was written twice/,
    plant({ events: [...TRUE_HISTORY.events, event(b, b)] }),
  ],
  'a write that took effect, and was refused': [
    /write of e \[\] was refused, and took effect/,
    plant({ events: [...TRUE_HISTORY.events, event(b, state('e'))], final: new Map([[USER, state('e')]]) }),
  ],
  'a write that nobody made': [
    /nobody wrote x/,
    plant({ events: [...TRUE_HISTORY.events, event(b, state('x'))], final: new Map([[USER, state('x')]]) }),
  ],
  'an event that is missing': [
    /an event begins with c \[\] after a/,
    plant({ events: TRUE_HISTORY.events.toSpliced(1, 1) }),
  ],
  'a state that no event leads to': [/c \[\] is stored in the end/, plant({ final: new Map([[USER, c]]) })],
  'a set that is torn when it is read': [/read of a \[1\] is torn/, also(read(state('a', 1), 2, 9))],
  'a set that is torn when it is stored': [
    /b \[3 4\] is stored in the end/,
    plant({ final: new Map([[USER, state('b', 3, 4)]]) }),
  ],
  'a set that is torn in the trail': [
    /write of a \[1 2\] is torn: the history has a \[1\]/,
    plant({ events: [event(start, state('a', 1)), event(state('a', 1), c), event(c, b)] }),
  ],
  'a read of what never was': [/read of y \[\] is not in the history/, also(read(state('y'), 3, 4))],
  'a read that is stale': [/read of start began after the \w+ of a had ended/, also(read(start, 11, 12))],
  'a read that goes back behind an earlier read': [
    /read of a began after the read of c had ended/,
    also(read(c, 22, 23), read(a, 24, 25)),
  ],
  'a read of what is yet to be written': [
    /write of a began after the read of a had ended/,
    also(read(a, -2, -1)),
  ],
  'writes in another order than they were made in': [
    /write of c began after the \w+ of b had ended/,
    plant({
      operations: TRUE_HISTORY.operations.map((operation) =>
        operation.kind === 'write' && operation.state?.name === 'c'
          ? { ...operation, began: 41, ended: 45 }
          : operation,
      ),
    }),
  ],
}

for (const [lie, [pattern, found]] of Object.entries(LIES)) {
  t.test(lie, async (t) =>
    t.ok(
      found.some((text) => pattern.test(text)),
      found.join('\n') || 'nothing was found',
    ),
  )
}
