/** What a run did, in numbers. */
import type { Plan } from './plans.js'

interface Counts {
  cases: number
  positive: number
  accepted: number
  negative: number
}

/** Positive cases of an operation after which none accepted means that none ever is. */
const ENOUGH = 10

export class Figures {
  readonly #operations = new Map<string, Counts>()
  readonly #statuses = new Map<number, number>()
  readonly #kinds = new Map<string, number>()
  readonly #began = Date.now()
  #requests = 0

  constructor(operationIds: readonly string[]) {
    for (const id of operationIds)
      this.#operations.set(id, { cases: 0, positive: 0, accepted: 0, negative: 0 })
  }

  note(operationId: string, { kind }: Plan, isAccepted: boolean, statuses: readonly number[]): void {
    const counts = this.#operations.get(operationId)!
    counts.cases++
    if (kind === 'positive') counts.positive++
    if (kind === 'negative') counts.negative++
    if (isAccepted) counts.accepted++
    this.#requests += statuses.length
    this.#kinds.set(kind, (this.#kinds.get(kind) ?? 0) + 1)
    for (const status of statuses) this.#statuses.set(status, (this.#statuses.get(status) ?? 0) + 1)
  }

  /** Operations that accept nothing: what is generated for them is no use. */
  neverAccepted(): string[] {
    return [...this.#operations]
      .filter(([, { positive, accepted }]) => positive >= ENOUGH && accepted === 0)
      .map(([id]) => id)
  }

  toString(): string {
    const rows = [...this.#operations].map(([id, { cases, positive, accepted, negative }]) =>
      [id.padEnd(22), cases, positive, accepted, negative].map((cell) => String(cell).padStart(9)).join(' '),
    )
    const head = ['operation'.padEnd(22), 'cases', 'positive', 'accepted', 'negative']
    const listed = (map: Map<string | number, number>) =>
      [...map]
        .toSorted(([one], [other]) => (one < other ? -1 : 1))
        .map(([name, count]) => `${name}: ${count}`)
        .join(', ')
    const total = [...this.#kinds.values()].reduce((sum, count) => sum + count, 0)
    return [
      head.map((cell) => cell.padStart(9)).join(' '),
      ...rows,
      '',
      `cases ${total} (${listed(this.#kinds)})`,
      `requests ${this.#requests} (${listed(this.#statuses)})`,
      `time ${((Date.now() - this.#began) / 1_000).toFixed(1)} s`,
    ].join('\n')
  }
}
