/** The running service, as a process of its own, with those who use it: what faults are done to. */
import { setTimeout as sleep } from 'node:timers/promises'
import pg from 'pg'
import type { Test } from 'tap'
import { readConfig } from '../../src/config.js'
import { migrate } from '../../src/db/migrate.js'
import { Names } from '../../src/db/names.js'
import { type Environment, type Running, spawnStart } from '../helpers/cli.js'
import { createDatabase, type TestDatabase } from '../helpers/database.js'
import { fixturesOf, requester, type TestService } from '../helpers/service.js'
import { type Event, findLies, type Operation, type State } from './history.js'
import { type Answered, clock, type Load, type LoadOptions, startLoad } from './load.js'

export interface WorldOptions {
  /** Of the services. */
  settings?: Environment
  /** The URL of a database of the test's own; one on the server of all tests by default. */
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
  key: string
  users: readonly number[]
  groups: readonly number[]
  /** Begins a load on all users, with a name of its own. */
  load(options?: Partial<LoadOptions>): Load
  /**
   * Holds what the loads were told to the audit trail and to what is stored; no process may have ended.
   * @param extra what others did
   */
  keepsItsPromise(t: Test, loads: readonly Load[], extra?: readonly Operation[]): Promise<void>
}

const GROUPS = 8
const USERS = 6
const SETTINGS = { LOG_LEVEL: 'warn', MAX_EVENT_LOOP_DELAY_MS: '0' }

/** Starts it; it ends with `t`. */
export async function startWorld(t: Test, options: WorldOptions = {}): Promise<World> {
  const { url, pool } = options.databaseUrl
    ? await openDatabase(t, options.databaseUrl)
    : await createDatabase(t)
  const { makeUser, makeGroup, makeCaller } = fixturesOf(pool, readConfig({}))
  const make = (count: number, one: () => Promise<number>) =>
    Promise.all(Array.from({ length: count }, one)).then((ids) => ids.toSorted((a, b) => a - b))
  const groups = await make(GROUPS, makeGroup)
  const users = await make(options.users ?? USERS, () => makeUser({ last_name: 'start' }))
  const { key } = await makeCaller()
  const seen = (await options.through?.(url)) ?? url
  const env = { ...SETTINGS, DATABASE_URL: seen, ...options.settings }
  const services = await Promise.all(
    Array.from({ length: options.services ?? 1 }, () => spawnStart(t, env, options.modules)),
  )
  let loads = 0
  const world: World = {
    services,
    request: requester(services[0]!.url),
    pool,
    key,
    users,
    groups,
    load: (own) =>
      startLoad({
        urls: services.map(({ url }) => url),
        key,
        users,
        groups,
        name: `load${++loads}-`,
        ...own,
      }),
    keepsItsPromise: (t, given, extra = []) => checkPromise(t, world, given, extra),
  }
  return world
}

async function openDatabase(t: Test, url: string): Promise<TestDatabase> {
  await migrate(url, { names: new Names() })
  const pool = new pg.Pool({
    connectionString: url,
    max: 10,
    connectionTimeoutMillis: 5_000,
    query_timeout: 20_000,
  })
  pool.on('error', () => {})
  pool.on('connect', (client) => client.on('error', () => {}))
  t.teardown(() => Promise.race([pool.end(), sleep(1_000, undefined, { ref: false })]))
  return { url, pool }
}

async function checkPromise(t: Test, world: World, loads: readonly Load[], extra: readonly Operation[]) {
  for (const service of world.services) t.ok(isAlive(service), 'the process goes on')
  t.strictSame(
    loads.flatMap(({ unexpected }) => unexpected).slice(0, 5),
    [],
    'every answer is 200, or 503 with Retry-After',
  )
  const { users, pool } = world
  const lies = findLies({
    initial: new Map(users.map((user) => [user, { name: 'start', groups: [] }])),
    operations: [...loads.flatMap(({ answers }) => answers), ...extra],
    events: await eventsOf(pool, users),
    final: new Map((await readStates(pool, users)).map(({ user, state }) => [user, state])),
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

async function eventsOf(pool: pg.Pool, users: readonly number[]): Promise<Event[]> {
  const { rows } = await pool.query(
    `select target_id::int as user, changes from user_admin.audit_event
     where action = 'user.update' and outcome = 'applied' and target_id = any($1) order by id`,
    [users],
  )
  return rows.map(({ user, changes }) => ({
    user,
    changes: { name: changes.last_name, groups: changes.groups },
  }))
}

/** Users as they are stored, and what the newest event of each says, all at one moment. */
async function readStates(pool: pg.Pool, users: readonly number[]) {
  const { rows } = await pool.query(
    `select id::int as user, last_name as name,
       array(select group_id::int from auth_user_groups where user_id = u.id order by 1) as groups,
       (select changes->'last_name'->>1 from user_admin.audit_event
        where target_id = u.id and action = 'user.update' and outcome = 'applied' order by id desc limit 1) as audited
     from auth_user u where id = any($1)`,
    [users],
  )
  return rows.map(({ user, name, groups, audited }) => ({
    user: user as number,
    state: { name, groups } as State,
    audited: (audited ?? 'start') as string,
  }))
}

/**
 * Looks into the database again and again: reads that no service has made. One in which the trail doesn't go with the user is
 * given a state that never was.
 */
export function watchDatabase({ pool, users }: World): { stop(): Promise<Operation[]> } {
  const seen: Operation[] = []
  let isOver = false
  const done = (async () => {
    for (; !isOver; await sleep(5)) {
      const began = clock()
      const states = await readStates(pool, users).catch(() => [])
      for (const { user, state, audited } of states) {
        const shown =
          state.name === audited ? state : { ...state, name: `${state.name}, audited as ${audited}` }
        seen.push({ kind: 'read', user, began, ended: clock(), outcome: 'done', state: shown })
      }
    }
  })()
  return {
    async stop() {
      isOver = true
      await done
      return seen
    },
  }
}

/** Milliseconds from the end of a fault until all that is answered is success again. */
export function backToNormalAfter(faultEnd: number, { answers }: Load): number {
  const refusals = answers.filter(({ outcome, ended }) => outcome !== 'done' && ended > faultEnd)
  return Math.max(0, ...refusals.map(({ ended }) => ended - faultEnd))
}

/** Goes on until so many answers in a row were successes, and everybody had some. */
export async function untilNormal(load: Load, count = 200): Promise<void> {
  for (const began = clock(); clock() - began < 30_000; await sleep(20)) {
    const newest = load.answers.slice(-count)
    if (newest.length === count && newest.every(({ outcome }) => outcome === 'done')) return
  }
  throw new Error('it has not come back to normal')
}

/** "2,310 answers: 2,288 × 200, 22 × 503". */
export function countAnswers(loads: readonly Load[]): string {
  const answers = loads.flatMap((load) => load.answers)
  const refused = answers.filter(({ outcome }) => outcome !== 'done')
  const unknown = refused.filter(({ outcome }) => outcome === 'unknown')
  const parts = [`${number(answers.length - refused.length)} were 200`, `${number(refused.length)} were 503`]
  if (unknown.length > 0) parts.push(`${number(unknown.length)} of these said that the outcome is not known`)
  return `${number(answers.length)} answers: ${parts.join(', ')}`
}

const number = (value: number): string => value.toLocaleString('en')

export const seconds = (milliseconds: number): string => `${(milliseconds / 1_000).toFixed(1)} s`

export const slowest = (answers: readonly Answered[]): number =>
  Math.max(0, ...answers.map(({ began, ended }) => ended - began))
