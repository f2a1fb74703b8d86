/** What `bench:import` has found, in words. */
import { median } from './measure.js'
import type { Latency } from './patch-latency.js'

/** One way of making users, once. */
export interface Run {
  seconds: number
  /** Seconds of CPU, of all that the server did meanwhile. */
  postgres: number
  /** Seconds of CPU; of a COPY it is not told. */
  client: number
  /** Of a service on the same database, meanwhile. */
  patch: Latency
}

/** In the order of the rounds. */
export interface Results {
  users: number
  /** Without anything else. */
  calm: Latency
  bare: Run[]
  withEvents: Run[]
  imported: Run[]
}

const of = (runs: readonly Run[], figure: (run: Run) => number): number => median(runs.map(figure))

/** How fast the one is beside the other of the same round: the median, and the extremes. */
function share(others: readonly Run[], imported: readonly Run[]): string {
  const shares = imported.map(({ seconds }, round) => others[round]!.seconds / seconds)
  const [least, most] = [Math.min(...shares), Math.max(...shares)]
  return `${median(shares).toFixed(2)} (${least.toFixed(2)} to ${most.toFixed(2)})`
}

function row(users: number, what: string, runs: readonly Run[]): string {
  const seconds = of(runs, (run) => run.seconds)
  const client = of(runs, (run) => run.client)
  const rate = Math.round(users / seconds).toLocaleString('en')
  const each = runs.map((run) => run.seconds.toFixed(1)).join(', ')
  const cells = [
    what,
    `${seconds.toFixed(1)} (${each})`,
    rate,
    `${of(runs, (run) => run.postgres).toFixed(1)} s`,
  ]
  return `| ${[...cells, Number.isNaN(client) ? '' : `${client.toFixed(1)} s`].join(' | ')} |`
}

const ms = (value: number) => `${value.toFixed(1)} ms`

function latencyRow(what: string, latencies: readonly Latency[]): string {
  const failed = latencies.reduce((sum, latency) => sum + latency.failed, 0)
  const sent = latencies.reduce((sum, latency) => sum + latency.sent, 0)
  const p50 = median(latencies.map((latency) => latency.p50))
  const p99 = median(latencies.map((latency) => latency.p99))
  return `| ${what} | ${ms(p50)} | ${ms(p99)} | ${failed} of ${sent} |`
}

const patchOf = (runs: readonly Run[]) => runs.map(({ patch }) => patch)

export function report({ users, calm, bare, withEvents, imported }: Results, about: string): string {
  return `# Import, beside COPY

Written by \`npm run bench:import\`. ${about}

| ${users.toLocaleString('en')} users, each in 2 groups | seconds (of each round) | users/s | CPU of PostgreSQL | CPU of the client |
| --- | --- | --- | --- | --- |
${row(users, 'bare `COPY` into `auth_user` and `auth_user_groups`, one transaction', bare)}
${row(users, 'the same, and `COPY` of an event for each user: all rows that `import` makes', withEvents)}
${row(users, '`import`: the file looked at as a whole, then written, 1,000 users a transaction', imported)}

**${share(withEvents, imported)} of the rate at which \`COPY\` writes the same rows**, and ${share(bare, imported)} of that at which it writes users and memberships alone: the
median of ${imported.length} rounds, and the extremes. In each round each of the three has a new database, a checkpoint behind it, and a service on that database that is asked for
50 changes a second: its requests are in the seconds and in the CPU of PostgreSQL of all three. What is copied bare was put into the form of \`COPY\` before,
and only PostgreSQL checks it.

| PATCH, 50 a second, of the service | p50 | p99 | answered otherwise than 200 |
| --- | --- | --- | --- |
${latencyRow('with nothing beside it', [calm])}
${latencyRow('beside the bare `COPY`', patchOf(bare))}
${latencyRow('beside that with events', patchOf(withEvents))}
${latencyRow('beside the import', patchOf(imported))}
`
}
