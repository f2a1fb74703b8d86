import { chmod, mkdir } from 'node:fs/promises'
import path from 'node:path'
import { performance } from 'node:perf_hooks'
import type { Bench } from '../bench.js'
import { median } from '../measure.js'
import { launchService, type ServiceName, untilAnswers } from '../processes.js'
import type { Scenario } from '../scenarios.js'

const FLOOR = 'floor'
const CASES = {
  [FLOOR]: { name: 'floor', isEmbedded: false },
  'external database, empty': { name: 'ours', isEmbedded: false },
  'external database, later start': { name: 'ours', isEmbedded: false },
  'embedded PostgreSQL, first start': { name: 'ours', isEmbedded: true },
  'embedded PostgreSQL, later start': { name: 'ours', isEmbedded: true },
  'mock, on a PostgreSQL of its own': { name: 'mock', isEmbedded: true },
} as const satisfies Record<string, { name: ServiceName; isEmbedded: boolean }>

type Case = keyof typeof CASES

/** From the command to the first answer. */
export const startup: Scenario = async (bench) => {
  const times = Object.fromEntries(Object.keys(CASES).map((name) => [name, [] as number[]])) as Record<
    Case,
    number[]
  >
  for (let round = 0; round < bench.options.rounds; round++) {
    const folder = await makeFolder(path.join(bench.folder, `startup-${round}`))
    const url = await bench.server.createDatabase(`startup_${round}`)
    for (const [label, { name, isEmbedded }] of Object.entries(CASES)) {
      times[label as Case].push(await timeStart(bench, folder, name, isEmbedded ? undefined : url))
    }
    const last = Object.values(times).map((values) => Math.round(values.at(-1)!))
    bench.say(`${round + 1}/${bench.options.rounds}  ready after ${last.join(', ')} ms`)
  }
  const floor = median(times[FLOOR])
  const rows = Object.entries(times).map(([label, values]) => [
    label,
    `${(median(values) / floor).toFixed(1)}x`,
    median(values).toFixed(0),
    `${Math.min(...values).toFixed(0)}–${Math.max(...values).toFixed(0)}`,
  ])
  const head = ['start', 'of floor', 'ms', 'lowest–highest']
  return { sections: [{ title: 'Start', about: ABOUT, head, rows }], figures: {} }
}

const ABOUT =
  'From the command to the first 200 of `/readyz`, which asks the database too; of `floor`, which has no such thing, to its first ' +
  'answer. Compiled JavaScript, as the package has it. The first mock of a version takes longer: it makes the cluster that all others copy.'

/** A folder that PostgreSQL's user may enter. */
async function makeFolder(folder: string): Promise<string> {
  await mkdir(folder)
  await chmod(folder, 0o755)
  return folder
}

async function timeStart(
  { resources, build }: Bench,
  folder: string,
  name: ServiceName,
  databaseUrl?: string,
): Promise<number> {
  const began = performance.now()
  const service = await launchService(resources, { name, build, folder, databaseUrl })
  await untilAnswers(service, '/readyz', (status) => name === FLOOR || status === 200)
  const took = performance.now() - began
  await service.child.stop()
  return took
}
