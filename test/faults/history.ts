/**
 * Is what clients were told true? The audit history says in which order writes took effect; this holds every answer to it. A pure
 * function: what was seen goes in, what can not be explained comes out.
 *
 * With the order known, linearizability of one user is simple: each operation happens at a position of the history, the write
 * where its event is and the read where the value it saw was made. Of two operations, the one that had ended before the other
 * began is not at a later position; and before it, where the other is a write.
 */

/** What a test writes and reads of a user. The name is never written twice, so it tells which write it comes from. */
export interface State {
  name: string
  groups: readonly number[]
}

export interface Operation {
  kind: 'write' | 'read'
  user: number
  /** Milliseconds of the machine's monotonic clock, which all processes share: before it was sent, and after its answer. */
  began: number
  ended: number
  /** Whether it was answered that it took effect, that it did not, or that nobody knows (also: no answer). */
  outcome: 'done' | 'not done' | 'unknown'
  /** What was to be written, or what was read; undefined for a read that was not done. */
  state?: State | undefined
}

/** What the audit trail has of a write: field → [before, after]. */
export interface Event {
  user: number
  changes: { [Field in keyof State]?: readonly [State[Field], State[Field]] }
}

export interface History {
  /** Every user's state before everything. */
  initial: ReadonlyMap<number, State>
  operations: readonly Operation[]
  /** In the order of the audit trail. */
  events: readonly Event[]
  /** Every user's state after everything. */
  final: ReadonlyMap<number, State>
}

/** What of a history is not true, in sentences; empty where all of it is explained. */
export function findLies({ initial, operations, events, final }: History): string[] {
  return [...initial].flatMap(([user, first]) => {
    const lies: string[] = []
    const states = statesAfter(
      first,
      events.filter((event) => event.user === user),
      lies,
    )
    if (!isSame(states.at(-1)!, final.get(user))) lies.push(`${show(final.get(user))} is stored in the end`)
    const own = operations.filter((operation) => operation.user === user)
    placeAll(own, states, lies)
    return lies.map((lie) => `user ${user}: ${lie}`)
  })
}

/** The states that the events lead through; each event must begin where the one before it ended. */
function statesAfter(first: State, events: readonly Event[], lies: string[]): State[] {
  const states = [first]
  for (const { changes } of events) {
    const state = states.at(-1)!
    const before = { name: changes.name?.[0] ?? state.name, groups: changes.groups?.[0] ?? state.groups }
    const after = { name: changes.name?.[1] ?? state.name, groups: changes.groups?.[1] ?? state.groups }
    if (!isSame(before, state)) lies.push(`an event begins with ${show(before)} after ${show(state)}`)
    states.push(after)
  }
  return states
}

/** Finds each operation's position, and holds them to the order in which they were made. */
function placeAll(operations: readonly Operation[], states: readonly State[], lies: string[]): void {
  const positions = new Map<string, number>()
  states.forEach(({ name }, position) => {
    if (positions.has(name)) lies.push(`${name} was written twice`)
    positions.set(name, position)
  })
  const written = new Set(
    operations.flatMap(({ kind, state }) => (kind === 'write' && state ? [state.name] : [])),
  )
  for (const { name } of states.slice(1)) if (!written.has(name)) lies.push(`nobody wrote ${name}`)

  const placed = operations.flatMap((operation) => {
    const { kind, outcome, state } = operation
    if (state === undefined) return []
    const position = positions.get(state.name)
    const lie = lieAbout(operation, position === undefined ? undefined : states[position])
    if (lie !== undefined) lies.push(`the ${kind} of ${show(state)} ${lie}`)
    if (position === undefined || outcome === 'not done') return []
    return [{ ...operation, state, position, ended: outcome === 'done' ? operation.ended : Infinity }]
  })
  checkOrder(placed, lies)
}

/** @param found the state of that name in the history */
function lieAbout({ kind, outcome, state }: Operation, found: State | undefined): string | undefined {
  if (kind === 'write' && outcome === 'not done') return found && 'was refused, and took effect'
  if (found === undefined) return outcome === 'done' ? 'is not in the history' : undefined
  return isSame(found, state) ? undefined : `is torn: the history has ${show(found)}`
}

type Placed = Operation & { state: State; position: number }

/** Nothing that began after something else had ended may come before it. */
function checkOrder(placed: readonly Placed[], lies: string[]): void {
  const byEnd = placed.toSorted((a, b) => a.ended - b.ended)
  let latest: Placed | undefined
  let next = 0
  for (const operation of placed.toSorted((a, b) => a.began - b.began)) {
    for (; next < byEnd.length && byEnd[next]!.ended < operation.began; next++)
      if (latest === undefined || byEnd[next]!.position > latest.position) latest = byEnd[next]!
    if (latest === undefined) continue
    const comesBefore =
      operation.kind === 'write'
        ? operation.position <= latest.position
        : operation.position < latest.position
    if (comesBefore) {
      lies.push(
        `the ${operation.kind} of ${operation.state.name} began after the ${latest.kind} of ${latest.state.name} ` +
          'had ended, and comes before it in the history',
      )
    }
  }
}

const isSame = (a: State, b: State | undefined): boolean =>
  b !== undefined && a.name === b.name && String(a.groups) === String(b.groups)

const show = (state: State | undefined): string =>
  state === undefined ? 'nothing' : `${state.name} [${state.groups.join(' ')}]`
