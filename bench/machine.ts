/** Where a run took place. */
import { spawnSync } from 'node:child_process'
import os from 'node:os'
import { performance } from 'node:perf_hooks'
import { setTimeout as sleep } from 'node:timers/promises'
import pg from 'pg'
import { ROOT } from './build.js'
import { generator } from './load.js'

export interface Machine {
  cores: number
  processor: string
  memoryGb: number
  node: string
  postgres: string
  generator: string
  /** Settings of PostgreSQL that decide what a commit costs. */
  settings: string
  /**
   * Milliseconds of a commit that writes, one after the other: mostly what the disk takes to say that it is
   * safe.
   */
  commitMs: number
  /**
   * Share of the cores that others used before the run began: where it is not near 0, the figures say little.
   */
  busy: number
}

export async function describeMachine(databaseUrl: string): Promise<Machine> {
  const client = new pg.Client({ connectionString: databaseUrl })
  await client.connect()
  try {
    const { rows } = await client.query(
      `select current_setting('server_version') as version,
              string_agg(name || '=' || current_setting(name), ', ') as settings
         from unnest(array['fsync', 'synchronous_commit', 'full_page_writes', 'shared_buffers']) name`,
    )
    return {
      cores: os.availableParallelism(),
      processor: os.cpus()[0]?.model ?? 'unknown',
      memoryGb: Math.round(os.totalmem() / 2 ** 30),
      node: process.version,
      postgres: rows[0].version,
      generator,
      settings: rows[0].settings,
      commitMs: await timeCommits(client),
      busy: await measureBusy(),
    }
  } finally {
    await client.end()
  }
}

async function timeCommits(client: pg.Client): Promise<number> {
  const count = 200
  const began = performance.now()
  // A transaction with an id of its own must reach the disk.
  for (let n = 0; n < count; n++) await client.query('select pg_current_xact_id()')
  return (performance.now() - began) / count
}

async function measureBusy(): Promise<number> {
  const before = readTimes()
  await sleep(2_000)
  const after = readTimes()
  return 1 - (after.idle - before.idle) / (after.all - before.all)
}

function readTimes(): { idle: number; all: number } {
  const times = os.cpus().map((cpu) => cpu.times)
  const sum = (values: number[]) => values.reduce((total, value) => total + value, 0)
  return { idle: sum(times.map(({ idle }) => idle)), all: sum(times.flatMap((time) => Object.values(time))) }
}

/** The commit that is checked out, marked where files of it were changed. */
export function describeCommit(): string {
  const git = (...args: string[]) => spawnSync('git', args, { cwd: ROOT }).stdout?.toString().trim() ?? ''
  const changed = git('status', '--porcelain', '--', 'src', 'schemas', 'bench/peers') !== ''
  return `${git('rev-parse', '--short', 'HEAD') || 'unknown'}${changed ? ', with changes' : ''}`
}
