/** The running service, as a process of its own, with those who use it: what faults are done to. */
import { setTimeout as sleep } from 'node:timers/promises'
import pg from 'pg'
import type { Test } from 'tap'
import { readConfig } from '../../src/config.js'
import { migrate } from '../../src/db/migrate.js'
import { Names } from '../../src/db/names.js'
import { clientFor } from '../../src/db/servers.js'
import { type Environment, type Running, spawnStart } from '../helpers/cli.js'
import { createDatabase, type TestDatabase } from '../helpers/database.js'
import { fixturesOf, requester, type TestService } from '../helpers/service.js'
import { findLies, type Operation } from './history.js'
import { type Answered, clock, type Load, type LoadOptions, startLoad } from './load.js'
import { backToNormalAfter, untilNormal } from './measures.js'
import { eventsOf, readStates, watchStored } from './stored.js'

export interface WorldOptions {
  /** Of the services. */
  settings?: Environment
  /** A database of the test's own; one on the server of all tests by default. */
  databaseUrl?: string
  /** Puts something between the services and the database. @returns the URL that they get */
  through?: (databaseUrl: string) => Promise<string>
  services?: number
  users?: number
  /** Loaded into the services' processes. */
  modules?: string[]
}

export interface World {
  services: readonly Running[]
  request: TestService['request']
  pool: pg.Pool
  /** Of a superuser. */
  key: string
  users: readonly number[]
  groups: readonly number[]
  /** Everything that anybody was told, or has seen. */
  operations: Operation[]
}

/** What came of a load that a fault was done to. */
export interface Loaded {
  answers: readonly Answered[]
  /** Milliseconds from the end of the fault until all was as before. */
  normal: number
}

/** The promise. */
const NORMAL_WITHIN_MS = 2_000

const GROUPS = 8
const USERS = 6
const SETTINGS = { LOG_LEVEL: 'warn' }

/** Starts it; it ends with `t`. */
export async function startWorld(t: Test, options: WorldOptions = {}): Promise<World> {
  const { url, pool } = options.databaseUrl
    ? await openDatabase(t, options.databaseUrl)
    : await createDatabase(t)
  const { makeUser, makeGroup, makeCaller } = fixturesOf(pool, readConfig({}))
  const make = (count: number, one: () => Promise<number>) =>
    Promise.all(Array.from({ length: count }, one)).then((ids) => ids.toSorted((a, b) => a - b))
  const groups = await make(GROUPS, () => makeGroup())
  const users = await make(options.users ?? USERS, () => makeUser({ last_name: 'start' }))
  const { key } = await makeCaller()
  const env = {
    ...SETTINGS,
    DATABASE_URL: (await options.through?.(url)) ?? url,
    ...options.settings,
  }
  const services = await Promise.all(
    Array.from({ length: options.services ?? 1 }, () => spawnStart(t, env, options.modules)),
  )
  const request = requester(services[0]!.url)
  return { services, request, pool, key, users, groups, operations: [] }
}

async function openDatabase(t: Test, url: string): Promise<TestDatabase> {
  await migrate(url, { names: new Names() })
  const pool = new pg.Pool({
    connectionString: url,
    Client: clientFor(url),
    max: 10,
    connectionTimeoutMillis: 5_000,
    query_timeout: 20_000,
  })
  pool.on('error', () => {})
  pool.on('connect', (client) => client.on('error', () => {}))
  t.teardown(() => Promise.race([pool.end(), sleep(1_000, undefined, { ref: false })]))
  return { url, pool }
}

let loads = 0

/** What a load on all users of the world is made with; its names are its own. */
export const loadOf = ({ services, key, users, groups }: World): LoadOptions => ({
  urls: services.map(({ url }) => url),
  key,
  users,
  groups,
  name: `load${++loads}-`,
})

/**
 * Does something to the service while everybody uses it, and holds it to the promise: no process ends, every answer is 200 or 503
 * with `Retry-After`, none is a lie, no change is lost or made in part, and all is normal within two seconds.
 * @param fault returns when it has ended
 */
export async function underLoad(
  t: Test,
  world: World,
  fault: (load: Load) => Promise<unknown>,
  options: Partial<LoadOptions> = {},
): Promise<Loaded> {
  const watcher = watchStored(world.pool, world.users)
  const load = startLoad({ ...loadOf(world), ...options })
  await untilNormal(load)
  let faultEnd: number
  try {
    await fault(load)
    faultEnd = clock()
    await untilNormal(load)
  } finally {
    await load.stop()
    world.operations.push(...load.answers, ...(await watcher.stop()))
  }
  const normal = backToNormalAfter(faultEnd, load.answers)
  t.ok(normal <= NORMAL_WITHIN_MS, `back to normal after ${normal.toFixed()} ms`)
  t.strictSame(load.unexpected.slice(0, 5), [], 'every answer is 200, or 503 with Retry-After')
  await keepsItsPromise(t, world)
  return { answers: load.answers, normal }
}

/** No process has ended, and what was told goes with what is stored. */
export async function keepsItsPromise(t: Test, { services, pool, users, operations }: World): Promise<void> {
  for (const service of services) t.ok(isAlive(service), 'the process goes on')
  const lies = findLies({
    initial: new Map(users.map((user) => [user, { name: 'start', groups: [] }])),
    operations,
    events: await eventsOf(pool, users),
    final: await readStates(pool, users),
  })
  t.strictSame(lies.slice(0, 5), [], 'no answer was a lie, and no change was lost or made in part')
}

/** Whether the same process still runs. */
function isAlive({ pid }: Running): boolean {
  try {
    return process.kill(pid, 0)
  } catch {
    return false
  }
}
