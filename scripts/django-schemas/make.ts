/**
 * Makes the dumps in `test/data/django-schemas/` anew: Debian's Djangos run their own `migrate`, each on an empty
 * database. `--check` writes nothing, and fails where a file differs. `--packages FOLDER` keeps what was downloaded,
 * and takes what is there.
 */
import { execFile } from 'node:child_process'
import { existsSync } from 'node:fs'
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import os from 'node:os'
import path from 'node:path'
import { fileURLToPath } from 'node:url'
import { parseArgs, promisify } from 'node:util'
import { createDatabase } from '../../test/helpers/database.js'
import { DUMPS, type Dump } from './dumps.js'

const run = promisify(execFile)
const here = (name: string) => fileURLToPath(new URL(name, import.meta.url))
const { values: options } = parseArgs({
  options: { check: { type: 'boolean', default: false }, packages: { type: 'string' } },
})
const ends: (() => unknown)[] = []
const resources = { teardown: (end: () => unknown) => ends.unshift(end) }

try {
  const packages = await download()
  for (const dump of DUMPS) await make(dump, packages)
} finally {
  for (const end of ends) await end()
}

/** @returns the folder with a folder for every suite */
async function download(): Promise<string> {
  const suites = [...new Set(DUMPS.flatMap((dump) => dump.suites))]
  const folder = options.packages ?? (await mkdtemp(path.join(os.tmpdir(), 'django-schemas-')))
  if (!options.packages) ends.push(() => rm(folder, { recursive: true, force: true }))
  const missing = suites.filter((suite) => !existsSync(path.join(folder, suite)))
  if (missing.length > 0) await run(here('packages.sh'), [folder, ...missing])
  return path.resolve(folder)
}

async function make(dump: Dump, packages: string): Promise<void> {
  const made = []
  for (const suite of dump.suites) made.push(await runDjango(path.join(packages, suite), dump.options))
  const [first, ...others] = made
  const other = others.find(({ sql }) => sql !== first!.sql)
  if (other) throw new Error(`${dump.file}: what ${other.ran} makes differs from what ${first!.ran} makes`)
  const ran = `Ran: ${made.map((one) => one.ran).join('; ')}${made.length > 1 ? ', all to the same end' : ''}.`
  const head = [`${dump.of}.`, ran, ...dump.derived, 'Made by `npm run django-schemas`: not to be edited.']
  await put(`${dump.file}.sql`, `${head.map((line) => `-- ${line}\n`).join('')}\n${first!.sql}`)
}

async function runDjango(suite: string, args: string[]): Promise<{ ran: string; sql: string }> {
  const { url } = await createDatabase(resources, { template: 'empty' })
  const { pathname, username, password, port, searchParams, hostname } = new URL(url)
  const { stdout, stderr } = await run('/usr/bin/python3', [here('dump.py'), ...args], {
    env: {
      PYTHONPATH: path.join(suite, 'usr/lib/python3/dist-packages'),
      PYTHONDONTWRITEBYTECODE: '1',
      PYTHONWARNINGS: 'ignore',
      PGHOST: searchParams.get('host') ?? hostname,
      PGPORT: port,
      PGUSER: decodeURIComponent(username),
      PGPASSWORD: decodeURIComponent(password),
      PGDATABASE: pathname.slice(1),
    },
  })
  return { ran: stderr.trim(), sql: stdout }
}

async function put(name: string, content: string): Promise<void> {
  const file = here(`../../test/data/django-schemas/${name}`)
  if (!options.check) return writeFile(file, content)
  if ((await readFile(file, 'utf8')) === content) return
  console.error(`${name} differs: run npm run django-schemas`)
  process.exitCode = 1
}
