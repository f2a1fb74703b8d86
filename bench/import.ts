/** `npm run bench:import`: `import` beside bare COPYs of the same rows, with a service under load beside each. Writes IMPORT.md. */
import { chmod, mkdtemp, realpath, rm, writeFile } from 'node:fs/promises'
import os from 'node:os'
import path from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { parseArgs } from 'node:util'
import pg from 'pg'
import { copyInto } from '../src/db/copy.js'
import { build, ROOT } from './build.js'
import { runChild } from './children.js'
import { type Directory, makeDirectory, type Server, startServer } from './database.js'
import { type Results, report, type Run } from './import-report.js'
import { EVENTS, MEMBERS, type Part, rowsOf, USERS, writeRecords } from './import-rows.js'
import { describeCommit, describeMachine } from './machine.js'
import { type Latency, putSteadyLoad } from './patch-latency.js'
import { cpuOf, cpuOfFamily } from './proc.js'
import { startService } from './processes.js'
import { Resources } from './resources.js'

/** Users that are there before, and are changed meanwhile. */
const BEFORE = 1_000
/** The id of the first one that is made: behind those of the directory. */
const FIRST = BEFORE + 1_001
const CALM_SECONDS = 20

const say = (text: string) =>
  void process.stderr.write(`${new Date().toISOString().slice(11, 19)}  ${text}\n`)

/** What all runs share. */
interface Bench {
  resources: Resources
  server: Server
  folder: string
  /** The compiled checkout. */
  build: string
  file: string
  users: number
}

/** Makes users. @returns seconds of CPU that its client took */
type Maker = (directory: Directory) => Promise<() => Promise<number>>

/** In a new database, beside a service that is asked for changes all the time. */
async function measureBeside(bench: Bench, name: string, maker: Maker): Promise<Run> {
  return besideService(bench, name, async (directory, load) => {
    const make = await maker(directory)
    await directory.pool.query('checkpoint')
    const loaded = load()
    const [began, cpu] = [performance.now(), await cpuOfFamily(bench.server.pid)]
    const client = await make()
    const seconds = (performance.now() - began) / 1_000
    const postgres = (await cpuOfFamily(bench.server.pid)) - cpu
    return { seconds, postgres, client, patch: await loaded.end() }
  })
}

type Load = () => { end(): Promise<Latency> }

async function besideService<T>(
  { resources, server, folder, build }: Bench,
  name: string,
  work: (directory: Directory, load: Load) => Promise<T>,
): Promise<T> {
  const directory = await makeDirectory(resources, server, name, BEFORE)
  // The users of the directory were given ids, which the sequence knows nothing of.
  await directory.pool.query(`select setval(pg_get_serial_sequence('auth_user', 'id'), ${FIRST - 1})`)
  const service = await startService(resources, { name: 'ours', build, folder, databaseUrl: directory.url })
  const done = await work(directory, () =>
    putSteadyLoad({ origin: service.origin, key: directory.superuserKey, users: BEFORE }),
  )
  await service.child.stop()
  await server.dropDatabase(name)
  return done
}

/** The rows alone, in one transaction on one connection. */
const copying =
  ({ users }: Bench, parts: readonly Part[]): Maker =>
  async ({ url }) => {
    const copied = rowsOf(parts, FIRST, users)
    return async () => {
      const client = new pg.Client({ connectionString: url })
      await client.connect()
      await client.query('begin')
      for (const rows of copied) await copyInto(client, rows)
      await client.query('commit')
      await client.end()
      return Number.NaN
    }
  }

/** The command as it is installed. */
const importing =
  ({ resources, build, file }: Bench): Maker =>
  async ({ url }) =>
  async () => {
    const [own, all] = [process.cpuUsage(), await cpuOf(process.pid)]
    await runChild(
      resources,
      process.execPath,
      [path.join(build, 'src/cli/main.js'), 'import', file, '--passwords', 'hashes', '--json'],
      { timeoutMs: 3_600_000, env: { DATABASE_URL: url } },
    )
    const { user, system } = process.cpuUsage(own)
    return (await cpuOf(process.pid)) - all - (user + system) / 1e6
  }

async function measureAll(bench: Bench, rounds: number): Promise<Results> {
  const calm = await besideService(bench, 'calm', async (_, load) => {
    const loaded = load()
    await sleep(CALM_SECONDS * 1_000)
    return loaded.end()
  })
  const makers = {
    bare: copying(bench, [USERS, MEMBERS]),
    withEvents: copying(bench, [USERS, MEMBERS, EVENTS]),
    imported: importing(bench),
  }
  const runs: Record<keyof typeof makers, Run[]> = { bare: [], withEvents: [], imported: [] }
  const names = Object.keys(makers) as (keyof typeof makers)[]
  for (let round = 0; round < rounds; round++) {
    // What comes first in one round comes last in the next.
    for (const name of round % 2 === 0 ? names : names.toReversed()) {
      const run = await measureBeside(bench, `${name.toLowerCase()}_${round}`, makers[name])
      say(`round ${round + 1}, ${name}: ${run.seconds.toFixed(1)} s`)
      runs[name].push(run)
    }
  }
  return { users: bench.users, calm, ...runs }
}

async function main(): Promise<void> {
  const { values } = parseArgs({
    options: {
      users: { type: 'string', default: '1000000' },
      rounds: { type: 'string', default: '3' },
      keep: { type: 'boolean', default: false },
    },
  })
  const users = Number(values.users)
  const resources = new Resources()
  try {
    const folder = await mkdtemp(path.join(await realpath(os.tmpdir()), 'user-admin-import-'))
    resources.add(() => rm(folder, { recursive: true, force: true, maxRetries: 5 }))
    await chmod(folder, 0o755)
    const server = await startServer(resources, path.join(folder, 'data'))
    const machine = await describeMachine(await server.createDatabase('machine'))
    const busy = Math.round(machine.busy * 100)
    say(`others use ${busy} % of the machine`)
    const [file, compiled] = [path.join(folder, 'users.ndjson'), path.join(folder, 'build')]
    await writeRecords(file, FIRST, users)
    await build(resources, compiled)
    const bench = { resources, server, folder, build: compiled, file, users }
    const results = await measureAll(bench, Number(values.rounds))
    const about = `${new Date().toISOString().slice(0, 10)}, commit ${describeCommit()}, ${machine.cores} cores, PostgreSQL ${machine.postgres}; others used ${busy} % of the machine.`
    const text = report(results, about)
    process.stdout.write(text)
    if (values.keep) await writeFile(path.join(ROOT, 'bench/IMPORT.md'), text)
  } finally {
    await resources.close()
  }
}

await main()
