/** `npm run bench`: measures ours beside its peers. See RESULTS.md for how, and `--help` for the options. */
import { chmod, mkdtemp, realpath, rm } from 'node:fs/promises'
import os from 'node:os'
import path from 'node:path'
import { type Bench, makeBench } from './bench.js'
import { build } from './build.js'
import { startServer } from './database.js'
import { describeCommit, describeMachine, type Machine } from './machine.js'
import { type Options, readOptions, USAGE } from './options.js'
import { drawPlot } from './plot.js'
import { printable, writeReport } from './report.js'
import { Resources } from './resources.js'
import { keepResult } from './results.js'
import { SCENARIOS } from './scenarios.js'

/** Share of the machine that may be used by others. */
const QUIET = 0.1

const say = (text: string) =>
  void process.stderr.write(`${new Date().toISOString().slice(11, 19)}  ${text}\n`)

async function main(): Promise<number> {
  let options: Options | undefined
  try {
    options = readOptions(process.argv.slice(2))
  } catch (error) {
    process.stderr.write(`${(error as Error).message}\n\n${USAGE}`)
    return 2
  }
  if (options !== undefined) return runToTheEnd(options)
  process.stdout.write(USAGE)
  return 0
}

/** Whatever happens, what was opened is closed. */
async function runToTheEnd(options: Options): Promise<number> {
  const resources = new Resources()
  try {
    await Promise.race([run(options, resources), interruption()])
    return 0
  } catch (error) {
    say(`failed: ${error instanceof Error ? error.stack : String(error)}`)
    return 1
  } finally {
    say('cleaning up')
    await resources.close()
  }
}

/** Never resolves; a signal ends the run. */
const interruption = (): Promise<never> =>
  new Promise((_, reject) => {
    for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) {
      // Once: who is in a hurry may send another.
      process.once(signal, () => reject(new Error(`ended by ${signal}`)))
    }
  })

async function run(options: Options, resources: Resources): Promise<void> {
  const { bench, machine } = await prepare(options, resources)
  const commit = describeCommit()
  for (const name of options.only) {
    say(`${name}:`)
    const findings = await SCENARIOS[name](bench)
    process.stdout.write(`\n${printable(findings)}\n`)
    if (options.quick) continue
    const { rounds, seconds, users } = options
    const at = new Date().toISOString()
    const all = await keepResult(name, {
      ...findings,
      at,
      commit,
      machine,
      options: { rounds, seconds, users },
    })
    await writeReport(all)
    await drawPlot(all)
  }
}

async function prepare(options: Options, resources: Resources): Promise<{ bench: Bench; machine: Machine }> {
  const folder = await makeFolder(resources)
  say('compiling')
  const compiled = path.join(folder, 'build')
  await build(resources, compiled)
  say('starting PostgreSQL')
  const server = await startServer(resources, path.join(folder, 'data'))
  const machine = await describeMachine(await server.createDatabase('machine'))
  const commit = `a commit takes ${machine.commitMs.toFixed(2)} ms`
  say(`${machine.cores} cores, PostgreSQL ${machine.postgres}, ${commit}`)
  const busy = `others use ${Math.round(machine.busy * 100)} % of the machine`
  if (machine.busy > QUIET) say(`${busy}: the figures will say little`)
  return { bench: makeBench({ options, resources, server, folder, build: compiled, say }), machine }
}

/** Removed at the end. Other users may enter it, as PostgreSQL's must where we are root. */
async function makeFolder(resources: Resources): Promise<string> {
  const folder = await mkdtemp(path.join(await realpath(os.tmpdir()), 'user-admin-bench-'))
  resources.add(() => rm(folder, { recursive: true, force: true, maxRetries: 5 }))
  await chmod(folder, 0o755)
  return folder
}

// Scenarios that were interrupted may still wait for something.
process.exit(await main())
