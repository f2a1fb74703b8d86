import { writeFile } from 'node:fs/promises'
import path from 'node:path'
import type { Bench } from '../bench.js'
import { flags, runChild } from '../children.js'
import type { Directory } from '../database.js'
import { median } from '../measure.js'
import { findPgbench, scriptOf } from '../pgbench.js'
import { cpuOfFamily } from '../proc.js'
import { recordPatch, type SentStatement } from '../recording.js'
import type { Findings } from '../results.js'
import type { Scenario } from '../scenarios.js'

const CLIENTS = 32

/** What PostgreSQL reaches with the statements of ours, sent by a program that does nothing else. */
export const statements: Scenario = async (bench) => {
  const program = findPgbench()
  if (program === undefined) {
    bench.say('pgbench is not installed: skipped')
    return {
      sections: [{ title: TITLE, about: 'pgbench was not installed.', head: [], rows: [] }],
      figures: {},
    }
  }
  const directory = await bench.directory()
  const { script, recorded } = await makeScript(bench, directory)
  const rates: number[] = []
  const costs: number[] = []
  for (let round = 0; round < bench.options.rounds; round++) {
    const { rate, cpu } = await runPgbench(bench, program, directory, script)
    rates.push(rate)
    costs.push(cpu)
    bench.say(`${round + 1}/${bench.options.rounds}  pgbench: ${Math.round(rate)} transactions/s`)
  }
  return findingsOf(rates, costs, recorded)
}

const TITLE = "PostgreSQL's own limit"

async function makeScript({ folder }: Bench, directory: Directory) {
  // An id and a name that are found nowhere else in what is sent.
  const id = Math.min(directory.users, 7_919)
  const name = 'pgbench-name'
  const recorded = await recordPatch(directory, id, name)
  const uuid = '[0-9a-f]{8}-[0-9a-f-]{27}'
  const replacements = new Map([
    [String(id), ':id'],
    [name, "'n' || :name"],
  ])
  const requestId = new RegExp(uuid).exec(JSON.stringify(recorded.map(({ values }) => values)))?.[0]
  if (requestId !== undefined) replacements.set(requestId, "'request-' || :request")
  const { text, variables } = scriptOf(recorded, directory.users, replacements)
  const file = path.join(folder, 'patch.sql')
  await writeFile(file, text)
  return { script: { file, variables }, recorded }
}

async function runPgbench(
  { resources, server, options: { seconds } }: Bench,
  program: string,
  directory: Directory,
  { file, variables }: { file: string; variables: Record<string, string> },
): Promise<{ rate: number; cpu: number }> {
  await directory.pool.query('truncate user_admin.audit_event')
  const url = new URL(directory.url)
  const options = flags({
    protocol: 'prepared',
    client: CLIENTS,
    time: seconds,
    host: url.searchParams.get('host')!,
    port: url.port,
    username: url.username,
    file,
  })
  const constants = Object.entries(variables).map(([name, value]) => `--define=${name}=${value}`)
  const args = ['--no-vacuum', ...options, ...constants, url.pathname.slice(1)]
  const before = await cpuOfFamily(server.pid)
  const output = await runChild(resources, program, args, { timeoutMs: (seconds + 60) * 1_000 })
  const used = (await cpuOfFamily(server.pid)) - before
  const rate = Number(/^tps = ([\d.]+)/m.exec(output)?.[1])
  const failed = /failed transactions: ([1-9]\d*)/.exec(output)
  if (!(rate > 0) || failed !== null) throw new Error(`pgbench failed:\n${output}`)
  return { rate, cpu: used / ((rate * seconds) / 1_000) }
}

function findingsOf(rates: number[], costs: number[], recorded: SentStatement[]): Findings {
  const trips = recorded.filter(({ isPipelined }) => !isPipelined).length
  const about =
    `pgbench with ${CLIENTS} clients, each transaction what ours sends for one lone update ` +
    `(${recorded.length} statements in ${trips} round trips, prepared). Where ours writes many users in ` +
    'one such transaction, it may pass this.'
  const row = [
    String(Math.round(median(rates))),
    `${Math.round(Math.min(...rates))}–${Math.round(Math.max(...rates))}`,
    median(costs).toFixed(3),
  ]
  const head = ['transactions/s', 'lowest–highest', 'CPU s of PostgreSQL for 1,000']
  return { sections: [{ title: TITLE, about, head, rows: [row] }], figures: {} }
}
