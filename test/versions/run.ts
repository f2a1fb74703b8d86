/**
 * Runs tests on the tables of one Django after the other: `npm run test:versions [-- --all] [VERSION…]`. The exit
 * status is not zero where a file failed, or where it passed nothing.
 */
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { readdirSync } from 'node:fs'
import os from 'node:os'
import path from 'node:path'
import { parseArgs } from 'node:util'
import { dropTemplate } from '../helpers/database.js'
import { DISTINCT_VERSIONS, DJANGO_VERSIONS, isDjangoVersion } from '../helpers/django-schemas.js'
import { testServerUrl } from '../helpers/postgres.js'

/** The tests of what the service exists for, the longest first. */
const HEART = [
  'contract.test.ts',
  'django/recorded.test.ts',
  'domain/update-races.test.ts',
  'properties/update.test.ts',
  'domain/update-batches.test.ts',
]
/** With `--all`, whatever tests the service on tables that a Django may have made. */
const FOLDERS = ['django', 'domain', 'http', 'properties']

const TIMEOUT_S = 300

interface Job {
  version: string
  file: string
}

interface Result extends Job {
  passed: number
  failed: boolean
  output: string
}

const tests = path.resolve(import.meta.dirname, '..')
const { values: options, positionals } = parseArgs({
  options: { all: { type: 'boolean', default: false } },
  allowPositionals: true,
})
const strange = positionals.filter((version) => !isDjangoVersion(version))
if (strange.length > 0)
  leave(`No such version: ${strange.join(', ')}. There are ${DJANGO_VERSIONS.join(', ')}.`)

const versions = positionals.length > 0 ? positionals : DISTINCT_VERSIONS
const files = options.all ? everyFile() : HEART
const server = await testServerUrl()
const waiting = versions.flatMap((version) => files.map((file) => ({ version, file })))
const results: Result[] = []
await Promise.all(Array.from({ length: os.availableParallelism() }, work))
report()

function everyFile(): string[] {
  const found = FOLDERS.flatMap((folder) =>
    readdirSync(path.join(tests, folder), { recursive: true }).map((name) => path.join(folder, String(name))),
  )
  return [...new Set([...HEART, ...found.filter((name) => name.endsWith('.test.ts'))])]
}

async function work(): Promise<void> {
  for (let job = waiting.shift(); job; job = waiting.shift()) {
    const began = Date.now()
    const result = await run(job)
    results.push(result)
    const seconds = Math.round((Date.now() - began) / 1000)
    const outcome = `${result.passed} passed${result.failed ? ', FAILED' : ''}`
    console.log(`Django ${job.version.padEnd(4)} ${job.file.padEnd(32)} ${outcome} (${seconds} s)`)
    if (result.failed) console.log(failuresIn(result.output))
  }
}

/** Without tap's own runner, which would take as long again. */
async function run(job: Job): Promise<Result> {
  const child = spawn(process.execPath, ['--import', 'tsx', path.join(tests, job.file)], {
    env: {
      ...process.env,
      DJANGO_SCHEMA: job.version,
      TEST_DATABASE_URL: server,
      TAP_TIMEOUT: String(TIMEOUT_S),
    },
    stdio: ['ignore', 'pipe', 'pipe'],
  })
  let output = ''
  for (const stream of [child.stdout, child.stderr])
    stream.setEncoding('utf8').on('data', (text: string) => (output += text))
  const [status] = await once(child, 'close')
  await dropTemplate(server, child.pid!)
  const passed = Number(/^# \{ total: \d+, pass: (\d+)/m.exec(output)?.[1] ?? 0)
  return { ...job, output, passed, failed: status !== 0 || passed === 0 }
}

/** What failed, each with its diagnosis; the end of the output where it does not say. */
function failuresIn(output: string): string {
  const blocks = output.match(/^ *not ok [^]*?\n *\.\.\.$/gm)
  return blocks?.join('\n') ?? output.slice(-4_000)
}

function report(): void {
  console.log()
  for (const version of versions) {
    const own = results.filter((result) => result.version === version)
    const failed = own.filter((result) => result.failed).map(({ file }) => file)
    const passed = own.reduce((sum, result) => sum + result.passed, 0)
    console.log(
      `Django ${version}: ${own.length} files, ${passed} passed ${failed.map((file) => `, FAILED: ${file}`)}`,
    )
  }
  const isGood = results.length > 0 && results.every(({ failed }) => !failed)
  console.log(isGood ? 'all passed' : 'FAILED')
  if (!isGood) process.exitCode = 1
}

function leave(message: string): never {
  process.stderr.write(`${message}\n`)
  process.exit(2)
}
