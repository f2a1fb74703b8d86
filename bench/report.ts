/** The results in words: on standard output while they come in, and as RESULTS.md. */
import { writeFile } from 'node:fs/promises'
import path from 'node:path'
import { FIGURES, type FigureId, verdict, written } from './figures.js'
import { LIMITS } from './limits.js'
import type { Result, Results, Section } from './results.js'
import { SCENARIO_NAMES } from './scenario-names.js'

const FILE = path.join(import.meta.dirname, 'RESULTS.md')

/** A scenario's tables, for a terminal. */
export function printable({ sections, figures }: Pick<Result, 'sections' | 'figures'>): string {
  const tables = sections.flatMap((section) => [section.title, ...aligned(section), ''])
  const found = Object.entries(figures).map(([id, value]) => {
    const judged = verdict(id as FigureId, value).replaceAll('*', '')
    const title = FIGURES[id as FigureId].title.replaceAll('`', '')
    return `${title}: ${written(id as FigureId, value)}, ${judged}`
  })
  return [...tables, ...found, ''].join('\n')
}

function aligned({ head, rows }: Section): string[] {
  const widths = head.map((title, column) =>
    Math.max(title.length, ...rows.map((row) => row[column]!.length)),
  )
  const line = (cells: string[]) =>
    cells
      .map((cell, column) => cell.padEnd(widths[column]!))
      .join('  ')
      .trimEnd()
  return [head, ...rows].map(line)
}

export async function writeReport(results: Results): Promise<void> {
  const present = SCENARIO_NAMES.flatMap((name) => results[name] ?? [])
  const parts = [
    TITLE,
    ...targets(present),
    HOW,
    ...machines(results),
    ...present.flatMap(({ sections }) => sections.flatMap(described)),
  ]
  await writeFile(FILE, `${parts.join('\n\n')}\n`)
}

const TITLE = `# Results

Written by \`npm run bench\`: edit \`bench/limits.ts\` and \`bench/report.ts\`, not this page.

![Requests per second against floor, at 1, 32 and 128 connections](results.svg)`

const HOW = `## How

- \`floor\`: Fastify and pg, one unnamed \`UPDATE … RETURNING\` (or \`SELECT\`): no authentication, no
  rules, no audit. \`ordinary\`: the same job as ours in the ordinary way, Kysely and a transaction a
  request, statement by statement. \`ours\`: the command \`start\` of this package. Each is a process of
  its own, compiled, with ten connections to PostgreSQL.
- PostgreSQL is the embedded one, in a temporary folder, with the settings that the service gives it:
  what is committed is on disk.
- One generator for all, in a process of its own, on the same machine: it takes its share of the cores
  from all alike. It asks again as soon as it is answered. Where it is wrk, latencies are corrected for
  coordinated omission.
- Rounds are interleaved, each beginning with another service, with the audit emptied, \`vacuum
  analyze\` and a checkpoint before each round. Every measurement has a warm-up of a quarter of its
  length. Reported is the median of the rounds, of each figure by itself; ratios are ratios of medians.
- Any answer that is no success ends the run. After each PATCH run of ours the audit must hold one event
  for each answer (and at most those more that were under way when the load ended), and a sample of 200
  users must be what the last event says.
- CPU seconds are for 1,000 requests, of the service and of all processes of PostgreSQL. \`requests a
  transaction\` counts those transactions that wrote.

\`\`\`
npm run bench                        PATCH, GET and PostgreSQL's own limit
npm run bench -- --all               all that is below
npm run bench -- --only soak,size    some of it; the other results are kept
\`\`\``

function targets(results: Result[]): string[] {
  const found = Object.assign({}, ...results.map(({ figures }) => figures)) as Partial<
    Record<FigureId, number>
  >
  const rows = (Object.keys(FIGURES) as FigureId[]).map((id) => {
    const value = found[id]
    const { title, atLeast, aim, isMoreBetter } = FIGURES[id]
    const bound = `${isMoreBetter ? '' : 'at most '}${written(id, atLeast)}`
    const measured = value === undefined ? ['not measured', ''] : [written(id, value), verdict(id, value)]
    return [title, bound, written(id, aim), ...measured, LIMITS[id] ?? '']
  })
  return [table(['figure', 'needed', 'aim', 'measured', '', 'what limits it'], rows)]
}

/** Where and when: once for all scenarios that have it in common. */
function machines(results: Results): string[] {
  const places = new Map<string, string[]>()
  for (const name of SCENARIO_NAMES) {
    const result = results[name]
    if (result === undefined) continue
    const place = placeOf(result)
    places.set(place, [...(places.get(place) ?? []), name])
  }
  const rows = [...places].map(([place, names]) => `- ${names.join(', ')}: ${place}`)
  return ['## When and where', rows.join('\n')]
}

function placeOf({ at, commit, machine, options }: Result): string {
  return [
    `${at.slice(0, 10)}, commit ${commit}`,
    `${options.rounds} rounds of ${options.seconds} s, ${options.users.toLocaleString('en')} users`,
    `${machine.cores} cores (${machine.processor}), ${machine.memoryGb} GB, Node.js ${machine.node}`,
    `PostgreSQL ${machine.postgres} (${machine.settings})`,
    `a commit took ${machine.commitMs.toFixed(2)} ms`,
    machine.generator,
    `others used ${Math.round(machine.busy * 100)} % of the cores before`,
  ].join('; ')
}

const described = ({ title, about, head, rows }: Section): string[] => [
  `## ${title}`,
  about,
  ...(rows.length > 0 ? [table(head, rows)] : []),
]

const table = (head: string[], rows: string[][]): string =>
  [head, head.map(() => '---'), ...rows].map((cells) => `| ${cells.join(' | ')} |`).join('\n')
