/** Measures several things beside each other, in turn, over several rounds. */
import type { Bench } from './bench.js'
import type { Load } from './load.js'
import { type Measurement, measure, medianOf, type Subject } from './measure.js'
import type { Section } from './results.js'

/** One of those that are compared. */
export interface Contender extends Subject {
  name: string
  load: Omit<Load, 'connections' | 'seconds'>
}

/** What one contender reached at one number of connections. */
export interface Line {
  name: string
  connections: number
  rounds: Measurement[]
  median: Measurement
}

/**
 * Interleaved, and each round begins with another one: what changes on the machine meanwhile, and the state
 * in which one leaves the tables to the next, falls on all of them.
 */
export async function compare(
  bench: Bench,
  contenders: readonly Contender[],
  connectionCounts: readonly number[],
): Promise<Line[]> {
  const { rounds, seconds } = bench.options
  const lines = connectionCounts.flatMap((connections) =>
    contenders.map((contender) => ({ contender, connections, rounds: [] as Measurement[] })),
  )
  for (let round = 0; round < rounds; round++) {
    await tidy(contenders)
    for (const line of inTurn(lines, round, contenders.length)) {
      const { contender, connections } = line
      const load = { ...contender.load, connections, seconds }
      const measured = await measure(bench, contender, load).catch((cause: unknown) => {
        throw new Error(`${contender.name} at ${connections} connections failed: ${String(cause)}`, { cause })
      })
      line.rounds.push(measured)
      const rate = `${Math.round(measured.requestsPerSecond)}/s, p99 ${measured.p99.toFixed(1)} ms`
      bench.say(`${round + 1}/${rounds}  ${load.method} at ${connections}, ${contender.name}: ${rate}`)
    }
  }
  return lines.map(({ contender, ...line }) => ({
    ...line,
    name: contender.name,
    median: medianOf(line.rounds),
  }))
}

/** Rounds begin alike: with an audit that is empty again, and with a checkpoint that is done. */
async function tidy(contenders: readonly Contender[]): Promise<void> {
  for (const { pool } of new Set(contenders.map(({ directory }) => directory))) {
    await pool.query('truncate user_admin.audit_event')
    await pool.query('vacuum analyze auth_user')
    await pool.query('checkpoint')
  }
}

/** Lines come in groups of `size`, one a number of connections; each group begins one further a round. */
function inTurn<T>(lines: readonly T[], round: number, size: number): T[] {
  const order: T[] = []
  for (let from = 0; from < lines.length; from += size) {
    const group = lines.slice(from, from + size)
    order.push(...group.slice(round % size), ...group.slice(0, round % size))
  }
  return order
}

/** The line of a contender. */
export function lineOf(lines: readonly Line[], name: string, connections: number): Line {
  const line = lines.find((candidate) => candidate.name === name && candidate.connections === connections)
  if (line === undefined) throw new Error(`${name} was not measured at ${connections} connections`)
  return line
}

/** How many times the requests per second of another contender. */
export const rateRatio = (
  lines: readonly Line[],
  name: string,
  against: string,
  connections: number,
): number =>
  lineOf(lines, name, connections).median.requestsPerSecond /
  lineOf(lines, against, connections).median.requestsPerSecond

/** Lines as a table, with the requests per second of each against those of one contender. */
export function tableOf(title: string, about: string, lines: readonly Line[], against: string): Section {
  const head = [
    'connections',
    'service',
    'requests/s',
    'lowest–highest',
    `against ${against}`,
    'p50 ms',
    'p99 ms',
    'CPU s of the service',
    'of PostgreSQL',
    'requests a transaction',
  ]
  return { title, about, head, rows: lines.map((line) => rowOf(line, lines, against)) }
}

function rowOf(
  { name, connections, rounds, median }: Line,
  lines: readonly Line[],
  against: string,
): string[] {
  const rates = rounds.map(({ requestsPerSecond }) => Math.round(requestsPerSecond))
  return [
    String(connections),
    name,
    String(Math.round(median.requestsPerSecond)),
    `${Math.min(...rates)}–${Math.max(...rates)}`,
    `${rateRatio(lines, name, against, connections).toFixed(2)}x`,
    median.p50.toFixed(2),
    median.p99.toFixed(2),
    median.serviceCpu.toFixed(3),
    median.postgresCpu.toFixed(3),
    Number.isFinite(median.shared) ? median.shared.toFixed(1) : '–',
  ]
}
