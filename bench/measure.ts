/** One measurement: load on a service, and what it cost. */
import type { Bench } from './bench.js'
import { checkAnswer, checkWritten, untilQuiet } from './check.js'
import type { Directory } from './database.js'
import { type Load, putLoad } from './load.js'
import { cpuOf, cpuOfFamily } from './proc.js'
import { isOurs, type Service } from './processes.js'

export interface Measurement {
  requestsPerSecond: number
  /** Milliseconds. */
  p50: number
  p99: number
  /** Seconds of CPU for 1,000 requests. */
  serviceCpu: number
  postgresCpu: number
  /** Requests that shared a transaction that wrote; nothing wrote where this is not finite. */
  shared: number
}

export interface Subject {
  service: Service
  directory: Directory
}

/**
 * Measures, after a warm-up of a quarter of the time.
 * @throws Error where an answer was no success, or ours did not write what it answered
 */
export async function measure(bench: Bench, subject: Subject, load: Load): Promise<Measurement> {
  const { service, directory } = subject
  await checkAnswer(service.origin, directory, load.key)
  await putLoad(bench, service.origin, { ...load, seconds: Math.max(1, Math.round(load.seconds / 4)) })
  // Who only reads may do so beside others who write.
  const since = load.method === 'PATCH' ? await untilQuiet(directory) : undefined
  const before = await readUse(bench, subject)
  const result = await putLoad(bench, service.origin, load)
  const after = await readUse(bench, subject)
  if (since !== undefined) await checkAfter(subject, load, since, result.requests)
  const thousands = result.requests / 1_000
  return {
    requestsPerSecond: result.requests / result.seconds,
    p50: result.p50,
    p99: result.p99,
    serviceCpu: (after.service - before.service) / thousands,
    postgresCpu: (after.postgres - before.postgres) / thousands,
    shared: result.requests / (after.transactions - before.transactions),
  }
}

async function checkAfter({ service, directory }: Subject, load: Load, since: string, answered: number) {
  await untilQuiet(directory)
  // Two random sets may be the same, so not every change of groups changes something.
  if (!isOurs(service.name) || load.field !== 'first_name') return
  await checkWritten(directory, since, answered, load.connections)
}

/** What was used so far: seconds of CPU, and numbers of transactions that wrote. */
async function readUse({ server }: Bench, { service, directory }: Subject) {
  const next = directory.pool.query('select pg_snapshot_xmax(pg_current_snapshot())::text as id')
  const [cpu, postgres, { rows }] = await Promise.all([
    cpuOf(service.child.pid),
    cpuOfFamily(server.pid),
    next,
  ])
  return { service: cpu, postgres, transactions: Number(rows[0].id) }
}

/** The median of each figure by itself. */
export function medianOf(measurements: readonly Measurement[]): Measurement {
  const of = (key: keyof Measurement) => median(measurements.map((measurement) => measurement[key]))
  return {
    requestsPerSecond: of('requestsPerSecond'),
    p50: of('p50'),
    p99: of('p99'),
    serviceCpu: of('serviceCpu'),
    postgresCpu: of('postgresCpu'),
    shared: of('shared'),
  }
}

export function median(values: readonly number[]): number {
  const sorted = values.toSorted((a, b) => a - b)
  const middle = (sorted.length - 1) / 2
  return (sorted[Math.floor(middle)]! + sorted[Math.ceil(middle)]!) / 2
}
