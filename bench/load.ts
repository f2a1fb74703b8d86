/**
 * One generator of load for all, in a process of its own: wrk where it is installed, autocannon otherwise.
 */
import { spawnSync } from 'node:child_process'
import { randomBytes } from 'node:crypto'
import path from 'node:path'
import type { Bench } from './bench.js'
import { flags, runChild } from './children.js'

/** Requests to `/admin/users/<id>/`, the next as soon as one is answered. */
export interface Load {
  method: 'GET' | 'PATCH'
  /** What is changed, each time to something else. */
  field: 'first_name' | 'groups'
  key: string
  /** Every id from the first to the second is as likely. */
  ids: [number, number]
  connections: number
  seconds: number
}

/** What the generator is told. */
export interface LoadOrder extends Load {
  origin: string
  /** Begins every new value. */
  tag: string
}

export interface LoadResult {
  requests: number
  seconds: number
  /** Milliseconds. */
  p50: number
  p99: number
}

interface Summary extends LoadResult {
  /** Answers past 299, and requests that got none. */
  refused: number
  broken: number
}

const SCRIPT = path.join(import.meta.dirname, 'load/wrk.lua')

export const hasWrk = spawnSync('wrk', ['--version']).error === undefined

/** How the generator calls itself. */
export const generator = hasWrk
  ? (/\S*wrk\S* \S+|\S+/.exec(spawnSync('wrk', ['--version']).stdout.toString())?.[0] ?? 'wrk')
  : 'autocannon'

/**
 * Puts load on a service.
 * @throws Error where any answer is no success, so that no speed comes from failing
 */
export async function putLoad(
  { resources, build }: Pick<Bench, 'resources' | 'build'>,
  origin: string,
  load: Load,
): Promise<LoadResult> {
  const [command, ...args] = hasWrk ? wrk(origin, load) : cannon(build, origin, load)
  const output = await runChild(resources, command!, args, { timeoutMs: (load.seconds + 30) * 1_000 })
  const { refused, broken, ...result } = readResult<Summary>(output)
  if (refused > 0 || broken > 0 || result.requests === 0) {
    const what = `${load.method} at ${load.connections} connections`
    throw new Error(
      `${what} to ${origin}: ${refused} refusals and ${broken} broken of ${result.requests} requests`,
    )
  }
  return result
}

/** What a generator wrote as its last line. */
export function readResult<Result>(output: string): Result {
  const line = /^RESULT (.*)$/m.exec(output)
  if (line === null) throw new Error(`no result in: ${output.slice(-500)}`)
  return JSON.parse(line[1]!) as Result
}

/** A value that no other run writes; with a counter after it, at most thirty characters. */
const newTag = () => `b${randomBytes(5).toString('hex')}-`

function wrk(origin: string, { method, key, ids, field, connections, seconds }: Load): string[] {
  const options = flags({ threads: 1, connections, duration: `${seconds}s`, timeout: '10s', script: SCRIPT })
  const seed = randomBytes(3).readUIntBE(0, 3)
  return ['wrk', ...options, origin, '--', method, key, ...ids.map(String), field, newTag(), String(seed)]
}

const cannon = (build: string, origin: string, load: Load): string[] => {
  const order: LoadOrder = { ...load, origin, tag: newTag() }
  return [process.execPath, path.join(build, 'bench/load/autocannon.js'), JSON.stringify(order)]
}
