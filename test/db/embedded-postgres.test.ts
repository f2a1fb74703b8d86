import { canEnter } from '../../src/db/embedded/os.js'
import { spawn, spawnSync, type ChildProcess, type SpawnOptions } from 'node:child_process'
import { existsSync } from 'node:fs'
import { chmod, cp, link, lstat, mkdir, mkdtemp, readFile, readdir } from 'node:fs/promises'
import { readlink, realpath, rename, rm, rmdir, symlink, unlink, writeFile } from 'node:fs/promises'
import { once } from 'node:events'
import os from 'node:os'
import path from 'node:path'
import { createInterface } from 'node:readline'
import { setTimeout as sleep } from 'node:timers/promises'
import { fileURLToPath, pathToFileURL } from 'node:url'
import pg from 'pg'
import t, { type Test } from 'tap'
import { EmbeddedPostgresError, startEmbeddedPostgres } from '../../src/db/embedded-postgres.js'
import { findBinaries, findPackage } from '../../src/db/embedded/binaries.js'
import { isAlive, isPostmasterOf, unprivilegedUser } from '../../src/db/embedded/os.js'
import { until } from '../helpers/until.js'

const OWNER = fileURLToPath(new URL('fixtures/embedded-owner.ts', import.meta.url))
const isRoot = process.getuid?.() === 0
const onlyRoot = { skip: !isRoot && 'needs root' }

// One cluster that most tests share: making one takes most of a second.
const shared = await folder(t)

t.test('the first start makes a cluster, the second keeps its data', async (t) => {
  const first = await start(t, shared)
  t.equal(first.initialised, true)
  t.same(
    await query(
      first.url,
      `select current_database() as db, lower('ÉΣ') as lower, current_setting('server_encoding') as encoding,
        current_setting('listen_addresses') as tcp, current_setting('fsync') as fsync`,
    ),
    [{ db: 'user_admin', lower: 'éσ', encoding: 'UTF8', tcp: '', fsync: 'on' }],
  )
  await query(first.url, `create table kept as select 'data' as word`)
  await Promise.all([first.stop(), first.stop()])
  await t.rejects(query(first.url, 'select 1'), 'stopped')
  t.notOk(existsSync(path.join(shared, 'postgres/postmaster.pid')))

  const second = await start(t, shared)
  t.equal(second.initialised, false)
  t.same(await query(second.url, 'select word from kept'), [{ word: 'data' }])
  await second.stop()
  t.same(await readdir(shared), ['postgres'], 'nothing else is left in the data folder')
})

t.test('neither the data nor the logs are open to others, and the logs hold no data', async (t) => {
  const { url, stop } = await start(t, shared)
  await t.rejects(query(url, `select 'secret-value'::int`))
  await stop()
  const cluster = path.join(shared, 'postgres')
  t.equal((await lstat(cluster)).mode & 0o077, 0)
  const logs = await readdir(path.join(cluster, 'log'))
  t.equal(logs.length, 1)
  t.notMatch(await readFile(path.join(cluster, 'log', String(logs[0])), 'utf8'), 'secret-value')
})

t.test('PGPORT and its like steer neither us nor the server', async (t) => {
  const steered = {
    PGPORT: '1',
    PGSSLMODE: 'require',
    PGDATA: '/nowhere',
    PGHOST: '/nowhere',
    PGDATABASE: 'nothing',
  }
  const owner = startOwner(t, shared, { env: { ...process.env, ...steered } }, 'leave')
  t.match(await owner.said, { initialised: false })
  await owner.exited
  await (await start(t, shared)).stop()
})

t.test('after kill -9 of the service the next start takes the server over', async (t) => {
  const owner = startOwner(t, shared)
  const before = await owner.said
  const table = query(before.url, 'create table survivor (id int); insert into survivor values (7)')
  await table
  await owner.kill('SIGKILL')

  const log: string[] = []
  const next = await start(t, shared, { log: (message) => log.push(message) })
  t.equal(next.initialised, false)
  t.same(await query(next.url, 'select id from survivor'), [{ id: 7 }])
  t.same(await query(next.url, 'select pg_postmaster_start_time()::text as started'), [
    { started: before.started },
  ])
  t.match(log, [/took over PostgreSQL process \d+/])
  const pid = await postmasterPid(shared)
  await next.stop()
  t.notOk(await isPostmasterOf(pid, path.join(shared, 'postgres')), 'and stop ends it')
})

t.test('a process that forgets to stop it ends all the same', async (t) => {
  const owner = startOwner(t, shared, {}, 'leave')
  await owner.said
  t.equal(await owner.exited, 0)
  await (await start(t, shared)).stop()
})

t.test('a data folder in use is refused', async (t) => {
  const owner = startOwner(t, shared)
  await owner.said
  const refusal = { name: 'EmbeddedPostgresError', code: 'in-use', message: `process ${owner.pid}` }
  const error = await failure(startEmbeddedPostgres({ dataDir: shared }))
  t.match(error, { ...refusal, message: new RegExp(`${shared} is in use by another .* pid ${owner.pid}\\)`) })
  t.match(error.message, 'DATABASE_URL')
  await owner.kill('SIGINT')
})

t.test('Ctrl-C leaves the server to the requests in flight', async (t) => {
  const owner = startOwner(t, shared, { detached: true })
  const { url } = await owner.said
  process.kill(-owner.pid, 'SIGINT')
  t.match(await owner.next(), { answer: 42 })
  t.equal(await owner.exited, 0)
  await t.rejects(query(url, 'select 1'), 'and then it is stopped')
})

t.test('two side by side, and two at once on one new folder', async (t) => {
  const [one, other] = [await folder(t), await folder(t)]
  const starts = await Promise.allSettled([start(t, shared), start(t, one), start(t, other), start(t, other)])
  const started = starts.flatMap((outcome) => (outcome.status === 'fulfilled' ? [outcome.value] : []))
  const refused = starts.flatMap((outcome) => (outcome.status === 'rejected' ? [outcome.reason] : []))
  t.match(refused, [{ code: 'in-use' }])
  t.equal(started.length, 3)
  for (const { url } of started) t.same(await query(url, 'select 1 as one'), [{ one: 1 }])
  t.same(await readdir(other), ['postgres'], 'the loser has tidied up')
  await Promise.all(started.map(({ stop }) => stop()))
})

t.test('a lost connection to it does not lose the lock', async (t) => {
  const { url, stop } = await start(t, shared)
  const holder = `select pid from pg_locks where locktype = 'advisory'`
  const [before] = await query(url, holder)
  await query(url, `select pg_terminate_backend(pid) from pg_locks where locktype = 'advisory'`)
  await until(async () => (await query(url, holder)).some(({ pid }) => pid !== before.pid))
  t.match(await failure(startEmbeddedPostgres({ dataDir: shared })), { code: 'in-use' })
  await stop()
})

t.test('a server that dies under us is started again', async (t) => {
  const { url, stop } = await start(t, shared)
  await query(url, 'create table committed (id int)')
  const pid = await postmasterPid(shared)
  process.kill(pid, 'SIGKILL')
  await until(() => query(url, 'select id from committed').catch(() => undefined))
  t.not(await postmasterPid(shared), pid)
  await stop()
  t.notOk(existsSync(path.join(shared, 'postgres/postmaster.pid')), 'and stop stops that one')
})

t.test('stop right after the server has died leaves none behind', async (t) => {
  const { stop } = await start(t, shared)
  process.kill(await postmasterPid(shared), 'SIGKILL')
  await sleep(300)
  await stop()
  await (await start(t, shared)).stop()
})

t.test('a stale postmaster.pid does not matter', async (t) => {
  const other = spawn('sleep', ['600'], isRoot ? { ...(await postgresUser()) } : {})
  t.teardown(() => other.kill())
  const dead = spawnSync('true').pid
  for (const pid of [other.pid, dead]) {
    const lock = path.join(shared, 'postgres/postmaster.pid')
    await writeFile(lock, `${pid}\n${shared}/postgres\n1\n5432\n${shared}/postgres\n\n  1  1\nready   \n`)
    await writeFile(path.join(shared, 'postgres/.s.PGSQL.5432.lock'), `${pid}\n${shared}/postgres\n1\n5432\n`)
    await (await start(t, shared)).stop()
  }
  t.ok(isAlive(Number(other.pid)), 'and its new owner is left alone')
})

t.test('a server that was killed recovers', async (t) => {
  const owner = startOwner(t, shared)
  const { url } = await owner.said
  await query(url, 'create table recovered as select 1 as id')
  const postmaster = await postmasterPid(shared)
  await owner.kill('SIGKILL')
  process.kill(postmaster, 'SIGKILL')
  const next = await start(t, shared)
  t.same(await query(next.url, 'select id from recovered'), [{ id: 1 }])
  await next.stop()
})

t.test('an interrupted initdb does not matter, and is tidied up', async (t) => {
  const dataDir = await folder(t)
  const owner = startOwner(t, dataDir)
  await until(async () => (await readdir(dataDir)).find((name) => name.startsWith('postgres.init-')))
  await owner.kill('SIGKILL')
  t.match(await readdir(dataDir), [/^postgres\.init-/])
  const next = await start(t, dataDir)
  t.equal(next.initialised, true)
  await next.stop()
  // Its initdb was not killed with it, and may have gone on for a moment.
  await sleep(1_000)
  await (await start(t, dataDir)).stop()
  t.same(await readdir(dataDir), ['postgres'])
})

t.test('a service that was killed while its server started', async (t) => {
  const owner = startOwner(t, shared)
  await until(async () => existsSync(path.join(shared, 'postgres/postmaster.pid')))
  await owner.kill('SIGKILL')
  await (await start(t, shared)).stop()
})

t.test('a path too long for a socket, and with every sign in it', async (t) => {
  const dataDir = path.join(await folder(t), `it's, a "long" %41 dir é `.repeat(5))
  const { url, stop } = await start(t, dataDir)
  t.same(await query(url, 'select 1 as one'), [{ one: 1 }])
  const socketFolder = new URL(url).searchParams.get('host') ?? ''
  t.match(socketFolder, /fastify-user-admin-pg-/)
  t.equal((await lstat(socketFolder)).mode & 0o077, 0)
  process.kill(await postmasterPid(dataDir), 'SIGKILL')
  await until(() => query(url, 'select 1 as one').catch(() => undefined))
  await stop()
  t.notOk(existsSync(socketFolder))
})

t.test('what is in the way is named', async (t) => {
  const dataDir = await folder(t)
  const at = (name: string) => path.join(dataDir, name)
  await writeFile(at('file'), '')
  t.match(await failure(startEmbeddedPostgres({ dataDir: at('file') })), {
    code: 'not-writable',
    message: 'not a folder',
  })
  t.match(await failure(startEmbeddedPostgres({ dataDir: at('file/below') })), { code: 'not-writable' })
  await mkdir(at('foreign/postgres/thing'), { recursive: true })
  const foreign = await failure(startEmbeddedPostgres({ dataDir: at('foreign') }))
  t.match(foreign, { code: 'not-writable', message: /no database cluster/ })
  await mkdir(at('lost'))
  await symlink(at('gone'), at('lost/postgres'))
  t.match(await failure(startEmbeddedPostgres({ dataDir: at('lost') })), { message: /points to .* gone/ })
  await mkdir(at('old/postgres'), { recursive: true })
  await writeFile(at('old/postgres/PG_VERSION'), '15\n')
  const old = await failure(startEmbeddedPostgres({ dataDir: at('old') }))
  t.match(old, { code: 'other-version', message: /made by PostgreSQL 15, and this is PostgreSQL 18/ })
  t.ok(old instanceof EmbeddedPostgresError)
})

t.test('where the server refuses to start, its log tells why', async (t) => {
  const refused = startEmbeddedPostgres({ dataDir: shared, settings: { shared_buffers: 'plenty' } })
  t.match(await failure(refused), {
    code: 'start-failed',
    message: /invalid value for parameter "shared_buffers"/,
  })
  await rename(path.join(shared, 'postgres/global'), path.join(shared, 'postgres/lobal'))
  t.match(await failure(startEmbeddedPostgres({ dataDir: shared })), {
    message: /could not open file .*: No such file/,
  })
  await rename(path.join(shared, 'postgres/lobal'), path.join(shared, 'postgres/global'))
  await (await start(t, shared)).stop()
})

t.test('without the package there is advice', (t) => {
  t.throws(() => findPackage(pathToFileURL(path.join(shared, 'x.js')).href), {
    code: 'binaries-missing',
    message: /Set DATABASE_URL, or install embedded-postgres/,
  })
  t.end()
})

t.test('the package without its links, in a folder that may be written to', async (t) => {
  const root = await copyOfPackage(t)
  const both = await Promise.all([findBinaries(undefined, root, []), findBinaries(undefined, root, [])])
  t.match(both, [{ major: '18' }, { initdb: path.join(root, 'native/bin/initdb') }])
  t.equal(await readlink(path.join(root, 'native/lib/libpq.so.5')), 'libpq.so.5.18')
  t.match(await findBinaries(undefined, root, []), { major: '18' }, 'and again')
})

t.test('programs that do not run here', async (t) => {
  const root = await folder(t)
  await mkdir(path.join(root, 'native/bin'), { recursive: true })
  await writeFile(path.join(root, 'native/bin/initdb'), '#!/no/such/interpreter\n', { mode: 0o755 })
  const error = await failure(findBinaries(undefined, root, []))
  t.match(error, { code: 'binaries-unusable', message: /do not run on this machine. Set DATABASE_URL/ })
})

t.test('the package without its links, read-only', onlyRoot, async (t) => {
  const root = await copyOfPackage(t)
  const image = mount(t, root, ['--bind', root])
  if (!image || !mount(t, root, ['-o', 'remount,ro,bind']))
    return t.pass('mount does not work here', { skip: true })
  const cache = path.join(await folder(t), 'cache')
  const user = await postgresUser()
  const found = await Promise.all([findBinaries(user, root, [cache]), findBinaries(user, root, [cache])])
  for (const { initdb } of found) t.match(initdb, cache)
  t.equal((await readdir(cache)).length, 1, 'copied once, whole')
  t.match(await findBinaries(user, root, [cache]), { major: '18' }, 'and used again')
  await chmod(path.join(cache, String((await readdir(cache))[0])), 0o777)
  t.match(await failure(findBinaries(user, root, [cache])), { message: /others may write to it/ })
})

t.test('below a folder that only root may enter', onlyRoot, async (t) => {
  const secret = await mkdtemp('/root/user-admin-test-').catch(() => undefined)
  if (!secret) return t.pass('there is no /root', { skip: true })
  t.teardown(() => rm(secret, { recursive: true, force: true }))
  const user = await postgresUser()
  const cache = path.join(await folder(t), 'cache')
  const { initdb } = await findBinaries(user, await copyOfPackage(t, secret), [cache])
  t.match(initdb, cache, 'the programs are copied to where it can reach them')

  const dataDir = path.join(secret, 'data')
  const log: string[] = []
  const first = await start(t, dataDir, { log: (message) => log.push(message) })
  t.match(log, [/so the database lives in \/var\//])
  await query(first.url, 'create table kept as select 1 as id')
  await first.stop()
  const second = await start(t, dataDir)
  t.same(await query(second.url, 'select id from kept'), [{ id: 1 }])
  await second.stop()

  await removeCluster(dataDir)
  const anew = await start(t, dataDir)
  t.equal(anew.initialised, true, 'without the data folder it begins anew')
  await anew.stop()
  await removeCluster(dataDir)
})

t.test('a read-only data folder', onlyRoot, async (t) => {
  for (const parent of ['/tmp', '/root']) {
    const dataDir = await mounted(t, parent, 'size=100m')
    if (!dataDir || !mount(t, dataDir, ['-o', 'remount,ro']))
      return t.pass('mount does not work here', { skip: true })
    const error = await failure(startEmbeddedPostgres({ dataDir }))
    t.match(error, { code: 'not-writable', message: /is on a read-only file system/ }, parent)
  }
})

t.test('a full disk', onlyRoot, async (t) => {
  for (const parent of ['/tmp', '/root']) {
    const dataDir = await mounted(t, parent, 'size=1m')
    if (!dataDir) return t.pass('mount does not work here', { skip: true })
    t.match(
      await failure(startEmbeddedPostgres({ dataDir })),
      { code: 'disk-full', message: /is full/ },
      parent,
    )
    t.same(await readdir(dataDir), [], 'nothing is left there')
  }
})

t.test('a disk that gets full', onlyRoot, async (t) => {
  const dataDir = await mounted(t, '/tmp', 'size=100m')
  if (!dataDir) return t.pass('mount does not work here', { skip: true })
  await (await start(t, dataDir)).stop()
  const filler = path.join(dataDir, 'filler')
  await writeFile(filler, Buffer.alloc(100 * 1024 * 1024)).catch(() => {})
  t.match(await failure(startEmbeddedPostgres({ dataDir })), { code: 'disk-full' })
  await unlink(filler)
  await (await start(t, dataDir)).stop()
})

t.test('as an unprivileged user', onlyRoot, async (t) => {
  const { uid, gid } = await postgresUser()
  if (!(await canEnter({ name: 'postgres', uid, gid }, import.meta.dirname))) {
    return t.pass('the checkout is out of reach for other users', { skip: true })
  }
  const dataDir = await folder(t)
  const refused = startOwner(t, dataDir, { uid, gid })
  t.match(await refused.said, { error: 'not-writable', message: `not writable for user id ${uid}` })
  await chmod(dataDir, 0o777)
  const owner = startOwner(t, dataDir, { uid, gid })
  t.match(await owner.said, { initialised: true })
  await owner.kill('SIGINT')
  t.equal((await lstat(path.join(dataDir, 'postgres'))).uid, uid)
  const root = await start(t, dataDir)
  t.equal(root.initialised, false, 'root goes on as the owner of the files')
  await root.stop()
})

t.test('root that may not become another user', onlyRoot, async (t) => {
  const owner = startOwner(t, shared, {}, 'leave', ['setpriv', '--bounding-set=-setuid,-setgid'])
  const said = await owner.said
  if (said === undefined) return t.pass('setpriv is missing', { skip: true })
  t.match(said, { error: 'unsupported', message: /root may not become/ })
})

t.test('a service in another container', onlyRoot, async (t) => {
  const owner = startOwner(t, shared, {}, 'stay', [
    'unshare',
    '--pid',
    '--ipc',
    '--fork',
    '--mount-proc',
    '--kill-child',
  ])
  const said = await owner.said
  if (said === undefined) return t.pass('unshare does not work here', { skip: true })
  t.match(said, { initialised: false })
  const error = await failure(startEmbeddedPostgres({ dataDir: shared }))
  t.match(error, { code: 'in-use', message: /perhaps in another container/ })
  await owner.kill('SIGKILL')
  const next = await until(() => startEmbeddedPostgres({ dataDir: shared }).catch(() => undefined))
  await next.stop()
})

/** A folder that every user may enter. */
async function folder(t: Test): Promise<string> {
  const made = await mkdtemp(path.join(await realpath(os.tmpdir()), 'ua-embedded-'))
  await chmod(made, 0o755)
  t.teardown(() => rm(made, { recursive: true, force: true, maxRetries: 5 }))
  return made
}

async function start(t: Test, dataDir: string, options: { log?: (message: string) => void } = {}) {
  const embedded = await startEmbeddedPostgres({ dataDir, ...options })
  t.teardown(() => embedded.stop())
  return embedded
}

async function query(url: string, sql: string) {
  const client = new pg.Client({ connectionString: url, connectionTimeoutMillis: 5_000 })
  client.on('error', () => {})
  try {
    await client.connect()
    return (await client.query(sql)).rows
  } finally {
    await client.end()
  }
}

function startOwner(
  t: Test,
  dataDir: string,
  options: SpawnOptions = {},
  mode = 'stay',
  wrapper: string[] = [],
) {
  const command = [...wrapper, process.execPath, '--import', import.meta.resolve('tsx'), OWNER, dataDir, mode]
  const child = spawn(String(command[0]), command.slice(1), {
    ...options,
    stdio: ['ignore', 'pipe', 'inherit'],
  })
  t.teardown(() => child.kill('SIGKILL'))
  const exited = exitOf(child)
  const lines = createInterface({ input: child.stdout! })[Symbol.asyncIterator]()
  const next = async () => {
    const { value } = await lines.next()
    return value === undefined ? undefined : JSON.parse(value)
  }
  const kill = async (signal: NodeJS.Signals) => {
    child.kill(signal)
    await exited
  }
  return { pid: Number(child.pid), said: next(), next, exited, kill }
}

async function exitOf(child: ChildProcess): Promise<number | null> {
  try {
    const [code] = await once(child, 'exit')
    return code
  } catch {
    return null
  }
}

async function failure(promise: Promise<unknown>): Promise<Error> {
  return promise.then(
    () => {
      throw new Error('it did not fail')
    },
    (error: Error) => error,
  )
}

async function postmasterPid(dataDir: string): Promise<number> {
  return Number((await readFile(path.join(dataDir, 'postgres/postmaster.pid'), 'utf8')).split('\n')[0])
}

async function postgresUser() {
  const user = await unprivilegedUser()
  if (!user) throw new Error('we are not root')
  return user
}

/** As it is after an install without scripts. Its files may be hard links: they are not to be written to. */
async function copyOfPackage(t: Test, parent?: string): Promise<string> {
  const root = path.join(parent ?? (await folder(t)), 'package')
  const filter = async (source: string, target: string) => {
    const stats = await lstat(source)
    if (stats.isSymbolicLink()) return false
    const linked = stats.isFile() && (await link(source, target).then(() => true, () => false)) // prettier-ignore
    return !linked
  }
  await cp(findPackage(), root, { recursive: true, filter })
  return root
}

function mount(t: Test, target: string, args: string[]): boolean {
  if (spawnSync('mount', [...args, target]).status !== 0) return false
  if (!args.join().includes('remount')) t.teardown(() => spawnSync('umount', ['-l', target]))
  return true
}

async function mounted(t: Test, parent: string, options: string): Promise<string | undefined> {
  const target = await mkdtemp(path.join(parent, 'ua-mount-'))
  await chmod(target, 0o755)
  t.teardown(() => rm(target, { recursive: true, force: true }))
  return mount(t, target, ['-t', 'tmpfs', '-o', `${options},mode=755`, 'tmpfs']) ? target : undefined
}

/** A data folder, and the cluster that it points to. */
async function removeCluster(dataDir: string): Promise<void> {
  const cluster = await realpath(path.join(dataDir, 'postgres'))
  await rm(cluster, { recursive: true, force: true })
  await rmdir(path.dirname(cluster)).catch(() => {})
  await rm(dataDir, { recursive: true, force: true })
}
