import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdir, readdir, readFile, realpath, rmdir, stat, writeFile } from 'node:fs/promises'
import { createServer, type AddressInfo } from 'node:net'
import path from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import pg from 'pg'
import t, { type Test } from 'tap'
import { isPostmasterOf } from '../../src/db/embedded/os.js'
import { attachEmbeddedPostgres, startEmbeddedPostgres } from '../../src/db/embedded-postgres.js'
import {
  type Environment,
  folder,
  launch,
  launchOnTerminal,
  needsTerminal,
  postmasterPid,
  run,
  spawnStart,
} from '../helpers/cli.js'
import { createDatabase } from '../helpers/database.js'
import { requester } from '../helpers/service.js'
import { until, untilLocksAreAwaited } from '../helpers/until.js'

// One cluster that most tests share. Its name is one that a shell has to be told.
const home = await folder(t)
const DATA_DIR = path.join(home, "the service's data")
const keyFile = path.join(DATA_DIR, 'api-key')
// Another one, for what goes wrong.
const other = path.join(home, 'other')
const INTERRUPTING = ['tsx', './interrupting.ts'].map((name) => import.meta.resolve(name))

t.test('the first start greets, with a command that works as it is', async (t) => {
  const service = await spawnStart(t, { DATA_DIR })
  const { stderr } = service.output
  t.match(stderr, new RegExp(`^\nfastify-user-admin  http://127\\.0\\.0\\.1:\\d+/admin/$`, 'm'))
  t.match(stderr, `\nSwagger UI          ${service.url}/docs\n`)
  t.match(stderr, `\nAPI key             ${keyFile}  (new, of the superuser admin)\n`)
  t.equal((await fetch(`${service.url}/docs`)).status, 200)
  t.equal((await stat(keyFile)).mode & 0o777, 0o600)

  const [, pasted = ''] = /Try it:\n([^]*)/.exec(stderr) ?? []
  t.match(JSON.parse(await bash(pasted)), { id: 1, username: 'admin', first_name: 'Ada', is_superuser: true })

  const pid = await postmasterPid(DATA_DIR)
  service.kill('SIGTERM')
  t.equal(await service.ended, 0)
  t.notOk(await runs(pid), 'no PostgreSQL is left')
  const key = await readFile(keyFile, 'utf8')
  t.match(key, /^uak_[\w-]{43}\n$/)
  for (const said of Object.values(service.output))
    t.notMatch(said, key.trim(), 'the key is in its file alone')
})

t.test('the second start keeps the data and the key; commands work beside it', async (t) => {
  const key = await readFile(keyFile, 'utf8')
  const service = await spawnStart(t, { DATA_DIR })
  t.match(service.output.stderr, `\nAPI key             ${keyFile}\n`)
  t.equal(await readFile(keyFile, 'utf8'), key)
  const request = requester(service.url)
  const first = await request('GET', '/admin/users/1/', { key: key.trim() })
  t.match(first, { status: 200, body: { first_name: 'Ada' } })

  const pid = await postmasterPid(DATA_DIR)
  const made = await run(['create-key', '--username', 'admin'], { DATA_DIR })
  t.match(made, { status: 0, stdout: /^uak_[\w-]{43}\n$/, stderr: /^Key 2 .*\n$/ })
  t.equal((await request('GET', '/admin/users/1/', { key: made.stdout.trim() })).status, 200)
  t.equal(await postmasterPid(DATA_DIR), pid, 'the server of the service was left alone')
  t.equal((await request('GET', '/readyz')).status, 200)

  service.kill('SIGINT')
  t.equal(await service.ended, 0)
  t.notOk(await runs(pid))
})

t.test('a command without a service has the server for itself', async (t) => {
  const listed = await run(['list-keys'], { DATA_DIR })
  t.match(listed, { status: 0, stderr: '', stdout: /^ID .*\n1 +admin .*\n2 +admin .*\n$/ })
  await t.rejects(postmasterPid(DATA_DIR), { code: 'ENOENT' }, 'and stops it')
})

t.test('Ctrl-C under a command stops its server first', async (t) => {
  const { child, output, ended } = launchInterrupted(['list-keys'], { DATA_DIR: other }, 'SIGINT', [
    other,
    '^postgres\\.init-',
  ])
  await ended
  t.equal(child.signalCode, 'SIGINT')
  t.equal(output.stdout, '')
  t.same(await readdir(other), ['postgres'], 'the cluster was made, and nothing half-made is left')
  await t.rejects(postmasterPid(other), { code: 'ENOENT' })
})

t.test('a port in use', async (t) => {
  const other = createServer().listen(0, '127.0.0.1')
  t.teardown(() => other.close())
  await once(other, 'listening')
  const { port } = other.address() as AddressInfo
  const { status, stdout, stderr } = await run(['start'], { DATA_DIR, PORT: String(port) })
  t.equal(status, 1)
  t.equal(stdout, '', 'and nothing is said of lost connections')
  t.match(stderr, new RegExp(`^error: Port ${port} of 127\\.0\\.0\\.1 is in use\\. Stop .*\n$`))
  await t.rejects(postmasterPid(DATA_DIR), { code: 'ENOENT' })
})

t.test('requests in flight are answered before it ends', async (t) => {
  const { service, answer, holder } = await withWaitingRequest(t, {})
  service.kill('SIGTERM')
  await sleep(300)
  await holder.query('commit')
  t.match(await answer, { status: 200, headers: { connection: 'close' } })
  await holder.end()
  t.equal(await service.ended, 0)
})

t.test('requests that take too long are cut off', async (t) => {
  const { service, answer } = await withWaitingRequest(t, { SHUTDOWN_TIMEOUT_MS: '200' })
  const pid = await postmasterPid(DATA_DIR)
  service.kill('SIGTERM')
  t.equal(await service.ended, 1)
  t.match(service.output.stdout, '"msg":"requests in flight were cut off"')
  t.notMatch(await answer, { status: 200 })
  t.notOk(await runs(pid), 'and PostgreSQL is stopped all the same')
})

t.test('tables that can not be served stop the server without noise', async (t) => {
  const embedded = await startEmbeddedPostgres({ dataDir: DATA_DIR })
  await query(embedded.url, 'alter table auth_user alter first_name type varchar(20)')
  await embedded.stop()
  const { status, stdout, stderr } = await run(['start'], { DATA_DIR })
  t.equal(status, 1)
  t.equal(stdout, '')
  t.match(stderr, /^error: .*the column first_name holds 20\.\n$/)
  await t.rejects(postmasterPid(DATA_DIR), { code: 'ENOENT' })
})

t.test('a key file that can not be written, and one that is of no use', async (t) => {
  const file = path.join(other, 'api-key')
  await mkdir(file, { recursive: true })
  const { status, stdout, stderr } = await run(['start'], { DATA_DIR: other })
  t.match({ status, stdout }, { status: 1, stdout: '' })
  t.match(stderr, /^error: The first API key can't be kept in .*other\/api-key \(.*\)\. Make room .*\n$/)
  await t.rejects(postmasterPid(other), { code: 'ENOENT' })

  await rmdir(file)
  await writeFile(file, `uak_${'x'.repeat(43)}\n`)
  const made = await run(['create-superuser', '--username', 'grace'], { DATA_DIR: other }, 'correct horse')
  t.match(made.stdout, /^Superuser grace has the id \d+\.\n$/, 'the one whose key was lost was never made')
  const service = await spawnStart(t, { DATA_DIR: other })
  t.match(service.output.stderr, / create-key --username NAME\n/)
  t.notMatch(service.output.stderr, 'Try it')
})

t.test('SIGTERM and Ctrl-C while it starts', async (t) => {
  const dataDir = path.join(home, 'interrupted')
  // Into making the cluster, into starting the server, and into what comes after the first user.
  const moments: [NodeJS.Signals, Moment][] = [
    ['SIGTERM', [dataDir, '^postgres\\.init-']],
    ['SIGINT', [path.join(dataDir, 'postgres'), '^postmaster\\.pid$']],
    ['SIGTERM', [dataDir, '^api-key$']],
  ]
  for (const [signal, moment] of moments) {
    const env = { DATA_DIR: dataDir, PORT: '0' }
    const { output, ended } = launchInterrupted(['start'], env, signal, moment)
    t.equal(await ended, 0)
    t.same(output, { stdout: '', stderr: '' }, 'it says nothing')
    await t.rejects(postmasterPid(dataDir), { code: 'ENOENT' })
  }
  const service = await spawnStart(t, { DATA_DIR: dataDir })
  t.match(service.output.stderr, /\nTry it:\n/, 'and the next start finds all in order')
})

t.test('a terminal that is closed', needsTerminal, async (t) => {
  const dataDir = path.join(home, 'interrupted')
  const { terminal, screen } = launchOnTerminal(['start'], { DATA_DIR: dataDir, PORT: '0' })
  await until(() => screen().includes('Try it:') && screen().includes('"pid":'))
  const pid = /"pid":(\d+)/.exec(screen())![1]!
  terminal.kill('SIGKILL')
  await until(async () => !(await isRunning(pid)))
  await t.rejects(postmasterPid(dataDir), { code: 'ENOENT' })
})

t.test('beside a database of others there is no first user', async (t) => {
  const { url: DATABASE_URL, pool } = await createDatabase(t, { template: 'empty' })
  const service = await spawnStart(t, { DATABASE_URL, DATA_DIR: path.join(home, 'unused') })
  t.match(
    service.output.stderr,
    /\nTo make a superuser, and an API key:\n.* create-superuser --username NAME\n/,
  )
  t.same((await pool.query('select * from auth_user')).rows, [])
  await t.rejects(stat(path.join(home, 'unused')), { code: 'ENOENT' }, 'and no data folder')
})

/** A service with a request that waits for a row, which `holder` holds. */
async function withWaitingRequest(t: Test, settings: Record<string, string>) {
  const service = await spawnStart(t, { DATA_DIR, ...settings })
  const holder = new pg.Client({ connectionString: (await attachEmbeddedPostgres(DATA_DIR))! })
  holder.on('error', () => {})
  await holder.connect()
  await holder.query('begin; select from auth_user for update')
  const key = (await readFile(keyFile, 'utf8')).trim()
  const answer = requester(service.url)('PATCH', '/admin/users/1/', { key, body: { last_name: 'Lovelace' } })
  await untilLocksAreAwaited(holder)
  return { service, holder, answer: answer.catch((error: unknown) => error) }
}

/** Whether the PostgreSQL of the shared cluster still runs. A process that nobody has waited for does not. */
const runs = async (pid: number) => isPostmasterOf(pid, await realpath(path.join(DATA_DIR, 'postgres')))

/** Whether a process does anything, if only to crash for ever. */
async function isRunning(pid: string): Promise<boolean> {
  const stat = await readFile(`/proc/${pid}/stat`, 'utf8').catch(() => '')
  return stat !== '' && !/\) [ZX] /.test(stat)
}

/** A folder, and the pattern of a name that will be in it. */
type Moment = [folder: string, name: string]

/** Begins a command that gets a signal at such a moment. */
const launchInterrupted = (
  args: string[],
  env: Environment,
  signal: NodeJS.Signals,
  [INTERRUPT_IN, INTERRUPT_AT]: Moment,
) => launch(args, { ...env, INTERRUPT_BY: signal, INTERRUPT_IN, INTERRUPT_AT }, INTERRUPTING)

async function query(url: string, sql: string) {
  const client = new pg.Client({ connectionString: url, connectionTimeoutMillis: 5_000 })
  await client.connect()
  try {
    return (await client.query(sql)).rows
  } finally {
    await client.end()
  }
}

/** What a command writes to standard output, pasted into a shell with nothing but its own settings. */
async function bash(command: string): Promise<string> {
  const shell = spawn('bash', ['--norc', '-s'], { cwd: '/', env: { PATH: process.env.PATH ?? '' } })
  let output = ''
  shell.stdout.on('data', (chunk: Buffer) => (output += chunk.toString()))
  shell.stdin.end(command)
  await once(shell, 'close')
  return output
}
