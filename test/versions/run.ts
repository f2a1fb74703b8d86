/**
 * Runs the tests of the heart on the tables of one Django after the other: `npm run test:versions`. Takes a few minutes;
 * with `-- --full`, or for schemas that are named (`-- 2.1 custom-user`), no file is left out. The exit status is not
 * zero where a file failed, or where it passed nothing.
 */
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import os from 'node:os'
import path from 'node:path'
import { parseArgs } from 'node:util'
import { dropTemplates } from '../helpers/database.js'
import {
  DISTINCT_SCHEMAS,
  DJANGO_SCHEMAS,
  type DjangoSchema,
  isDjangoSchema,
  nameOf,
} from '../helpers/django-schemas.js'
import { testServerUrl } from '../helpers/postgres.js'

/** The tests of what the service exists for, the longest first. */
const HEART = [
  'contract.test.ts',
  'django/recorded.test.ts',
  'domain/update-races.test.ts',
  'properties/update.test.ts',
  'domain/update-batches.test.ts',
]
/** Enough for a schema that differs little from those that have all of the heart. */
const BLACK_BOX = HEART[0]
/** The narrowest; how a project looks that was upgraded, from 3.1 or before, to any version; another user model. */
const THOROUGH: readonly DjangoSchema[] = ['2.0', '3.1', 'custom-user']
const TIMEOUT_S = 900

interface Job {
  schema: DjangoSchema
  file: string
}

interface Result extends Job {
  passed: number
  failed: boolean
  output: string
}

const tests = path.resolve(import.meta.dirname, '..')
const { values: options, positionals: named } = parseArgs({
  options: { full: { type: 'boolean', default: false } },
  allowPositionals: true,
})
const strange = named.filter((schema) => !isDjangoSchema(schema))
if (strange.length > 0) leave(`There is no ${strange.join(', ')}, but ${DJANGO_SCHEMAS.join(', ')}.`)

const isThorough = options.full || named.length > 0
const schemas = named.length > 0 ? named.filter(isDjangoSchema) : DISTINCT_SCHEMAS
const server = await testServerUrl()
const waiting = HEART.flatMap((file) => schemas.map((schema) => ({ schema, file }))).filter(
  ({ schema, file }) => isThorough || THOROUGH.includes(schema) || file === BLACK_BOX,
)
const results: Result[] = []
await Promise.all(Array.from({ length: os.availableParallelism() }, work))
report()

async function work(): Promise<void> {
  for (let job = waiting.shift(); job; job = waiting.shift()) {
    const began = Date.now()
    const result = await run(job)
    results.push(result)
    const seconds = Math.round((Date.now() - began) / 1000)
    const outcome = `${result.passed} passed${result.failed ? ', FAILED' : ''}`
    console.log(`${nameOf(job.schema).padEnd(12)} ${job.file.padEnd(32)} ${outcome} (${seconds} s)`)
    if (result.failed) console.log(failuresIn(result.output))
  }
}

/** Without tap's own runner, which would take as long again. */
async function run(job: Job): Promise<Result> {
  const child = spawn(process.execPath, ['--import', 'tsx', path.join(tests, job.file)], {
    env: {
      ...process.env,
      DJANGO_SCHEMA: job.schema,
      TEST_DATABASE_URL: server,
      TAP_TIMEOUT: String(TIMEOUT_S),
    },
    stdio: ['ignore', 'pipe', 'pipe'],
  })
  let output = ''
  for (const stream of [child.stdout, child.stderr])
    stream.setEncoding('utf8').on('data', (text: string) => (output += text))
  const [status] = await once(child, 'close')
  await dropTemplates(server, child.pid!)
  const passed = Number(/^# \{ total: \d+, pass: (\d+)/m.exec(output)?.[1] ?? 0)
  return { ...job, output, passed, failed: status !== 0 || passed === 0 }
}

/** What failed, each with its diagnosis; the end of the output where it does not say. */
function failuresIn(output: string): string {
  const blocks = output.match(/^ *not ok [^]*?\n *\.\.\.$/gm)
  return blocks?.join('\n') ?? output.slice(-4_000)
}

function report(): void {
  for (const schema of schemas) {
    const own = results.filter((result) => result.schema === schema)
    const passed = own.reduce((sum, result) => sum + result.passed, 0)
    const failed = own.filter((result) => result.failed).map(({ file }) => file)
    const outcome = failed.length > 0 ? `FAILED: ${failed.join(', ')}` : 'no failure'
    console.log(`On ${nameOf(schema)}: ${passed} assertions passed in ${own.length} files, ${outcome}`)
  }
  const total = results.reduce((sum, { passed }) => sum + passed, 0)
  const failed = results.filter((result) => result.failed).length
  console.log(
    `${schemas.length} schemas, ${results.length} runs of a file: ${total} passed, ${failed} files failed`,
  )
  if (results.length === 0 || failed > 0) process.exitCode = 1
}

function leave(message: string): never {
  process.stderr.write(`${message}\n`)
  process.exit(2)
}
