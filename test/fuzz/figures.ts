/** What a run did, in numbers, and what it should have done. */
import { type Entry, isGuarded } from './requests.js'
import type { Plan } from './plans.js'

interface Counts {
  positive: number
  accepted: number
  negative: number
  others: number
  statuses: Map<number, number>
}

/** Positive cases of an operation after which none accepted means that none ever is. */
const ENOUGH = 10

/** Cases of an operation among which each kind that it can have is found. */
const MANY = 40

/** Cases of a run among which each kind is found. */
const FULL = 1_000
const KINDS: Plan['kind'][] = ['credentials', 'life', 'negative', 'positive', 'protocol']

export class Figures {
  readonly #operations = new Map<string, Counts>()
  /** Operations that can be asked for something wrong. */
  readonly #guarded: Set<string>
  readonly #kinds = new Map<string, number>()
  readonly #began = Date.now()

  constructor(entries: readonly Entry[]) {
    for (const { operation } of entries)
      this.#operations.set(operation.operationId, {
        positive: 0,
        accepted: 0,
        negative: 0,
        others: 0,
        statuses: new Map(),
      })
    this.#guarded = new Set(entries.filter(isGuarded).map(({ operation }) => operation.operationId))
  }

  note(operationId: string, { kind }: Plan, isAccepted: boolean, statuses: readonly number[]): void {
    const counts = this.#operations.get(operationId)!
    counts[kind === 'positive' || kind === 'negative' ? kind : 'others']++
    if (isAccepted) counts.accepted++
    add(this.#kinds, kind, 1)
    for (const status of statuses) add(counts.statuses, status, 1)
  }

  /** What the run left out: it found nothing there because it did not look. */
  lacks(): string[] {
    const found = [...this.#operations].flatMap(([id, counts]) => this.#lacksOf(id, counts))
    const isFull = sum(this.#kinds) >= FULL
    const missing = isFull ? KINDS.filter((kind) => !this.#kinds.has(kind)) : []
    return [...found, ...missing.map((kind) => `no case was of the kind ${kind}`)]
  }

  #lacksOf(id: string, { positive, accepted, negative, others }: Counts): string[] {
    const found: string[] = []
    const isMany = positive + negative + others >= MANY
    if (positive >= ENOUGH && accepted === 0) found.push(`${id} accepted none of its valid requests`)
    if (isMany && positive === 0) found.push(`${id} was sent no valid request`)
    if (isMany && negative === 0 && this.#guarded.has(id)) found.push(`${id} was sent no wrong request`)
    return found
  }

  toString(): string {
    const head = row('operation', ['positive', 'accepted', 'negative', 'others'], 'statuses of the answers')
    const rows = [...this.#operations].map(([id, { positive, accepted, negative, others, statuses }]) =>
      row(id, [positive, accepted, negative, others], listed(statuses)),
    )
    const all = new Map<number, number>()
    for (const { statuses } of this.#operations.values())
      for (const [status, count] of statuses) add(all, status, count)
    return [
      head,
      ...rows,
      '',
      `cases ${sum(this.#kinds)} (${listed(this.#kinds)})`,
      `requests ${sum(all)} (${listed(all)})`,
      `time ${((Date.now() - this.#began) / 1_000).toFixed(1)} s`,
    ].join('\n')
  }
}

const row = (name: string, cells: readonly (string | number)[], last: string): string =>
  [name.padEnd(20), ...cells.map((cell) => String(cell).padStart(8)), ` ${last}`].join(' ')

function add<Key>(counts: Map<Key, number>, key: Key, count: number): void {
  counts.set(key, (counts.get(key) ?? 0) + count)
}

const sum = (counts: Map<unknown, number>): number => [...counts.values()].reduce((one, two) => one + two, 0)

const listed = (counts: Map<string | number, number>): string =>
  [...counts]
    .toSorted(([one], [other]) => (one < other ? -1 : 1))
    .map(([name, count]) => `${name}: ${count}`)
    .join(', ')
