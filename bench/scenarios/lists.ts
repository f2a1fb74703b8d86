import { createListIndexes } from '../../src/db/list-indexes.js'
import type { Bench } from '../bench.js'
import { compare, type Contender, tableOf } from '../compare.js'
import { type ListCase, makeCases, PAGE_SIZE } from '../list-cases.js'
import { makeListDirectory } from '../list-directory.js'
import { timeList, type Timing, type Walk, walkList } from '../list-timing.js'
import { startService } from '../processes.js'
import type { Section } from '../results.js'
import type { Scenario } from '../scenarios.js'
import { loadOn } from './contenders.js'

/** Lists of very many users with the indexes for them, and what those cost a PATCH. */
export const lists: Scenario = async (bench) => {
  const { resources, build, folder, options } = bench
  const patches = await comparePatches(bench)
  bench.say(`loading ${options.largeUsers} users`)
  const directory = await makeListDirectory(bench, 'lists', options.largeUsers)
  await createListIndexes(directory.url, { log: bench.say })
  // Else the first to read would set the hints of a million rows.
  await directory.pool.query('vacuum (analyze)')
  const service = await startService(resources, { name: 'ours', build, folder, databaseUrl: directory.url })
  const walk = await walkList(bench, directory, service)
  const lines: Line[] = []
  for (const one of await makeCases(directory)) {
    const timing = await timeList(directory, service, one)
    lines.push({ ...one, ...timing })
    bench.say(`${one.title}: ${timing.inDatabase.toFixed(1)} ms, over HTTP ${timing.overHttp.toFixed(1)} ms`)
  }
  await service.child.stop()
  const slowest = (kind: ListCase['kind']) =>
    Math.max(...lines.filter((line) => line.kind === kind).map(({ inDatabase }) => inDatabase))
  return {
    sections: [pagesOf(lines, options.largeUsers), readOf(walk), patches],
    figures: {
      listFirst: slowest('first'),
      listDeep: slowest('deep'),
      listFilter: slowest('filter'),
      listSearch: slowest('search'),
      listMemory: walk.highest,
    },
  }
}

type Line = ListCase & Timing

const pagesOf = (lines: Line[], users: number): Section => ({
  title: 'Lists',
  about:
    `Pages of ${PAGE_SIZE} of ${users.toLocaleString('en')} users, with the indexes of \`migrate --list-indexes\`: medians of ` +
    '15. "In the database" is what PostgreSQL says that planning and running all statements of a request took ' +
    '(`explain analyze`). Filters and searches are asked for their first page, by cursor, and so not counted. What is in ' +
    'italics no index makes fast, and is shown beside the others; it is no part of the figures above.',
  head: ['list', 'ms in the database', 'ms over HTTP', 'slowest'],
  rows: lines.map(({ kind, title, inDatabase, overHttp, slowest }) => [
    kind === 'beyond' ? `*${title}*` : title,
    inDatabase.toFixed(1),
    overHttp.toFixed(1),
    slowest.toFixed(1),
  ]),
})

const readOf = ({ users, seconds, start, tenth, highest, end }: Walk): Section => ({
  title: 'Memory while a whole list is read',
  about:
    'A service just started; a consumer follows `next` with `page_size=1000` to the end. Every user came once. Resident ' +
    'memory of the service, in MB.',
  head: ['users', 'seconds', 'at the start', 'after a tenth', 'highest', 'at the end'],
  rows: [
    [users.toLocaleString('en'), ...[seconds, start, tenth, highest, end].map((value) => value.toFixed(0))],
  ],
})

/** The same PATCH in two databases, one of which has the indexes. */
async function comparePatches(bench: Bench): Promise<Section> {
  const { resources, build, folder, options } = bench
  const contenders: Contender[] = []
  for (const name of [WITHOUT, WITH]) {
    const directory = await makeListDirectory(bench, `lists_${contenders.length}`, options.users)
    if (name === WITH) await createListIndexes(directory.url)
    const service = await startService(resources, { name: 'ours', build, folder, databaseUrl: directory.url })
    contenders.push({ name, service, directory, load: loadOn(directory) })
  }
  const lines = await compare(bench, contenders, [32])
  for (const { service } of contenders) await service.child.stop()
  return tableOf(
    'PATCH beside the indexes for lists',
    'A new `first_name` for a random user.',
    lines,
    WITHOUT,
  )
}

const WITHOUT = 'without the indexes'
const WITH = 'with the indexes'
