/** `npm run bench:import`: `import` beside bare COPYs of the same rows, and a service while it runs. Writes IMPORT.md. */
import { createWriteStream } from 'node:fs'
import { chmod, mkdtemp, realpath, rm, writeFile } from 'node:fs/promises'
import os from 'node:os'
import path from 'node:path'
import { parseArgs } from 'node:util'
import pg from 'pg'
import { type AuditEvent, copiedEvents } from '../src/db/audit.js'
import { type CopiedRows, copyInto } from '../src/db/copy.js'
import { migrate } from '../src/db/migrate.js'
import { USER_COLUMNS } from '../src/db/users.js'
import { applied } from '../src/domain/audit.js'
import { OPERATOR } from '../src/domain/import/write.js'
import { maskOf } from '../src/domain/passwords/mask.js'
import { build, ROOT } from './build.js'
import { runChild } from './children.js'
import { makeDirectory, type Server, startServer } from './database.js'
import { describeCommit, describeMachine } from './machine.js'
import { type Latency, putSteadyLoad } from './patch-latency.js'
import { cpuOf, cpuOfFamily } from './proc.js'
import { startService } from './processes.js'
import { Resources } from './resources.js'

const HASH = 'argon2$argon2id$v=19$m=102400,t=2,p=8$c29tZXNhbHRvZnR3ZW50eQ$0EzLPiYJnlE0rZdTDUXXDQ'
const REQUEST_ID = '00000000-0000-4000-8000-000000000000'
const GROUPS = 20
/** Users that are there before, and are changed meanwhile. */
const BEFORE = 1_000
/** Rows of one COPY; all of them share a transaction. */
const PIECE = 50_000
const CALM_SECONDS = 20

const groupsOf = (n: number): [number, number] => [1 + (n % GROUPS), 1 + ((n + 7) % GROUPS)]

const recordOf = (n: number) => ({
  username: `imported${n}`,
  password: HASH,
  first_name: 'Ada',
  last_name: 'Lovelace',
  email: `imported${n}@example.com`,
  date_joined: '2024-01-15T09:00:00.123456Z',
  last_login: '2025-03-01T08:30:00.123456Z',
  groups: groupsOf(n).map((id) => `group ${id}`),
})

/** What the import records of a user. */
function eventOf(n: number): AuditEvent {
  const { password, ...fields } = recordOf(n)
  const after = { ...fields, password: maskOf(password), groups: groupsOf(n) }
  const deed = { actor: OPERATOR, requestId: REQUEST_ID, action: 'user.create', targetId: n } as const
  return applied(
    deed,
    Object.keys(after) as (keyof typeof after)[],
    () => null,
    (field) => after[field],
  )
}

interface Took {
  seconds: number
  /** Seconds of CPU. */
  postgres: number
}

interface Import extends Took {
  client: number
  calm: Latency
  busy: Latency
}

const say = (text: string) =>
  void process.stderr.write(`${new Date().toISOString().slice(11, 19)}  ${text}\n`)

async function timed(server: Server, work: () => Promise<unknown>): Promise<Took> {
  const [began, cpu] = [performance.now(), await cpuOfFamily(server.pid)]
  await work()
  return { seconds: (performance.now() - began) / 1_000, postgres: (await cpuOfFamily(server.pid)) - cpu }
}

/**
 * What nothing that keeps Django's constraints can beat: the rows alone, in one transaction.
 * @param parts makes what is copied of a piece of the users
 */
async function copyBare(
  resources: Resources,
  server: Server,
  database: string,
  users: number,
  parts: readonly ((ids: readonly number[]) => CopiedRows)[],
): Promise<Took> {
  const url = await server.createDatabase(database)
  await migrate(url)
  const client = new pg.Client({ connectionString: url })
  await client.connect()
  const close = resources.add(() => client.end())
  await client.query(
    `insert into auth_group (id, name) select n, 'group ' || n from generate_series(1, ${GROUPS}) n`,
  )
  const pieces = Array.from({ length: Math.ceil(users / PIECE) }, (_, piece) =>
    Array.from({ length: Math.min(PIECE, users - piece * PIECE) }, (_, index) => piece * PIECE + index + 1),
  )
  const copied = parts.flatMap((part) => pieces.map(part))
  const took = await timed(server, async () => {
    await client.query('begin')
    for (const rows of copied) await copyInto(client, rows)
    await client.query('commit')
  })
  await close()
  return took
}

const USERS = (ids: readonly number[]): CopiedRows => ({
  table: 'auth_user',
  columns: USER_COLUMNS,
  text: ids.map(lineOf).join(''),
})

const MEMBERS = (ids: readonly number[]): CopiedRows => ({
  table: 'auth_user_groups',
  columns: ['user_id', 'group_id'],
  text: ids.flatMap((n) => groupsOf(n).map((group) => `${n}\t${group}\n`)).join(''),
})

const EVENTS = (ids: readonly number[]): CopiedRows => copiedEvents(ids.map(eventOf))

function lineOf(n: number): string {
  const { password, last_login, username, first_name, last_name, email, date_joined } = recordOf(n)
  return `${[n, password, last_login, 'f', username, first_name, last_name, email, 'f', 't', date_joined].join('\t')}\n`
}

async function writeRecords(file: string, users: number): Promise<void> {
  const stream = createWriteStream(file)
  for (let n = 1; n <= users; n++) {
    if (!stream.write(`${JSON.stringify(recordOf(n))}\n`))
      await new Promise<void>((drained) => stream.once('drain', () => drained()))
  }
  await new Promise<void>((ended) => stream.end(ended))
}

/** The command as it is installed, on a database that a service works on. */
async function runImport(
  resources: Resources,
  server: Server,
  folder: string,
  users: number,
): Promise<Import> {
  const file = path.join(folder, 'users.ndjson')
  await writeRecords(file, users)
  const compiled = path.join(folder, 'build')
  await build(resources, compiled)
  const directory = await makeDirectory(resources, server, 'imported', BEFORE)
  // The users of the directory were given ids, which the sequence knows nothing of.
  await directory.pool.query(`select setval(pg_get_serial_sequence('auth_user', 'id'), ${BEFORE + 1_000})`)
  const service = await startService(resources, {
    name: 'ours',
    build: compiled,
    folder,
    databaseUrl: directory.url,
  })
  const load = () => putSteadyLoad({ origin: service.origin, key: directory.superuserKey, users: BEFORE })
  const calmLoad = load()
  await new Promise((passed) => setTimeout(passed, CALM_SECONDS * 1_000))
  const calm = await calmLoad.end()
  const busyLoad = load()
  const [own, all] = [process.cpuUsage(), await cpuOf(process.pid)]
  const took = await timed(server, () =>
    runChild(
      resources,
      process.execPath,
      [path.join(compiled, 'src/cli/main.js'), 'import', file, '--passwords', 'hashes', '--json'],
      {
        timeoutMs: 3_600_000,
        env: { DATABASE_URL: directory.url },
      },
    ),
  )
  const { user, system } = process.cpuUsage(own)
  const client = (await cpuOf(process.pid)) - all - (user + system) / 1e6
  return { ...took, client, calm, busy: await busyLoad.end() }
}

const ms = (value: number) => `${value.toFixed(1)} ms`
const rate = (users: number, { seconds }: Took) => Math.round(users / seconds).toLocaleString('en')

const share = (one: Took, other: Took) => (one.seconds / other.seconds).toFixed(2)

const row = (users: number, what: string, took: Took, client = '') =>
  `| ${what} | ${took.seconds.toFixed(1)} | ${rate(users, took)} | ${took.postgres.toFixed(1)} s | ${client} |`

interface Results {
  users: number
  bare: Took
  withEvents: Took
  imported: Import
}

function report({ users, bare, withEvents, imported }: Results, about: string): string {
  const { calm, busy } = imported
  return `# Import, beside COPY

Written by \`npm run bench:import\`. ${about}

| ${users.toLocaleString('en')} users, each in 2 groups | seconds | users/s | CPU of PostgreSQL | CPU of the client |
| --- | --- | --- | --- | --- |
${row(users, 'bare `COPY` into `auth_user` and `auth_user_groups`, one transaction', bare)}
${row(users, 'the same, and `COPY` of an event for each user: all rows that `import` makes', withEvents)}
${row(users, '`import`: the file looked at as a whole, then written, 1,000 users a transaction', imported, `${imported.client.toFixed(1)} s`)}

**${share(withEvents, imported)} of the rate at which \`COPY\` writes the same rows**, and ${share(bare, imported)} of that at which it writes users and memberships alone. The CPU of PostgreSQL
and the seconds of the import include the service's requests; what is copied bare was put into the form of \`COPY\` before, and only PostgreSQL checks it. Single runs: they vary by a fifth.

| PATCH, 50 a second, of a service on the same database | p50 | p99 | answered otherwise than 200 |
| --- | --- | --- | --- |
| without an import | ${ms(calm.p50)} | ${ms(calm.p99)} | ${calm.failed} of ${calm.sent} |
| while it runs | ${ms(busy.p50)} | ${ms(busy.p99)} | ${busy.failed} of ${busy.sent} |
| ratio | ${(busy.p50 / calm.p50).toFixed(2)} | ${(busy.p99 / calm.p99).toFixed(2)} | |
`
}

async function main(): Promise<void> {
  const { values } = parseArgs({
    options: { users: { type: 'string', default: '1000000' }, keep: { type: 'boolean', default: false } },
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
    say(`copying; others use ${busy} % of the machine`)
    const bare = await copyBare(resources, server, 'bare', users, [USERS, MEMBERS])
    say(`copied in ${bare.seconds.toFixed(1)} s; copying with events`)
    const withEvents = await copyBare(resources, server, 'with_events', users, [USERS, MEMBERS, EVENTS])
    say(`copied in ${withEvents.seconds.toFixed(1)} s; importing`)
    const imported = await runImport(resources, server, folder, users)
    const about = `${new Date().toISOString().slice(0, 10)}, commit ${describeCommit()}, ${machine.cores} cores, PostgreSQL ${machine.postgres}; others used ${busy} % of the machine.`
    const text = report({ users, bare, withEvents, imported }, about)
    process.stdout.write(text)
    if (values.keep) await writeFile(path.join(ROOT, 'bench/IMPORT.md'), text)
  } finally {
    await resources.close()
  }
}

await main()
