/** Many who write and read a few users at once, over connections that are kept, and remember every answer. */
import { setTimeout as sleep } from 'node:timers/promises'
import { type Answer, exchange } from '../../src/contract/http.js'
import type { Operation, State } from './history.js'

export interface LoadOptions {
  /** Of the services; whoever writes goes from one to the next. */
  urls: readonly string[]
  key: string
  users: readonly number[]
  /** The groups that a set is made of. */
  groups: readonly number[]
  /** Begins the names that are written: of no other load. */
  name: string
  writers?: number
  readers?: number
  /** Milliseconds that each waits after an answer. */
  pauseMs?: number
}

/** An operation with what was answered. */
export interface Answered extends Operation {
  status: number
  detail?: string
}

export interface Load {
  readonly answers: readonly Answered[]
  /** What the promise has no room for: other statuses, refusals without `Retry-After`, failed connections. */
  readonly unexpected: readonly string[]
  /** Lets those in flight end. */
  stop(): Promise<void>
}

const PAUSE_MS = 2
/** Whoever is refused waits a little. */
const REFUSED_PAUSE_MS = 20

/** Milliseconds on a clock that never jumps and that all processes of a machine share. */
export const clock = (): number => Number(process.hrtime.bigint() / 1_000n) / 1_000

/** The set of groups that belongs to a name: whoever sees one with another's set sees a torn user. */
export function setOf(name: string, groups: readonly number[]): number[] {
  const hash = [...name].reduce((sum, character) => (sum * 31 + character.charCodeAt(0)) % 65_521, 7)
  return groups.filter((_, index) => (hash >> index) % 2 === 1)
}

/** Begins to write and read; only `stop` ends it. */
export function startLoad(options: LoadOptions): Load {
  const { writers = 4, readers = 4 } = options
  const answers: Answered[] = []
  const unexpected: string[] = []
  const stopped = new AbortController()
  const go = async (worker: number, kind: Operation['kind']) => {
    for (let round = 0; !stopped.signal.aborted; round++) {
      const answer = await ask(options, kind, worker, round).catch((error: Error) => error)
      if (answer instanceof Error) unexpected.push(`${kind}: ${answer.message}`)
      else answers.push(answer.operation)
      if (!(answer instanceof Error) && answer.fault !== undefined) unexpected.push(answer.fault)
      const isDone = !(answer instanceof Error) && answer.operation.outcome === 'done'
      await sleep(isDone ? (options.pauseMs ?? PAUSE_MS) : REFUSED_PAUSE_MS)
    }
  }
  const working = [
    ...Array.from({ length: writers }, (_, worker) => go(worker, 'write')),
    ...Array.from({ length: readers }, (_, worker) => go(worker, 'read')),
  ]
  return {
    answers,
    unexpected,
    async stop() {
      stopped.abort()
      await Promise.all(working)
    },
  }
}

/** One request, and what came of it. */
async function ask(options: LoadOptions, kind: Operation['kind'], worker: number, round: number) {
  const { urls, key, users, groups, name } = options
  const turn = worker + round
  const user = users[turn % users.length]!
  const value = `${name}${worker}-${round}`
  const written = kind === 'write' ? { name: value, groups: setOf(value, groups) } : undefined
  const began = clock()
  const answer = await exchange(new URL(urls[turn % urls.length]!), {
    method: kind === 'write' ? 'PATCH' : 'GET',
    path: `/admin/users/${user}/`,
    headers: { authorization: `Bearer ${key}`, 'content-type': 'application/json' },
    body: written && JSON.stringify({ last_name: written.name, groups: written.groups }),
  })
  const ended = clock()
  const { status } = answer
  const outcome = outcomeOf(answer)
  const shown: State | undefined =
    outcome === 'done' ? { name: answer.body.last_name, groups: answer.body.groups } : undefined
  const operation: Answered = { kind, user, began, ended, outcome, status, state: written ?? shown }
  if (status !== 200) operation.detail = answer.body?.detail
  return { operation, fault: faultOf(answer, written, shown) }
}

/** What the service says when it can't know. */
const UNKNOWN = /not known whether this was written/

function outcomeOf({ status, body }: Answer): Operation['outcome'] {
  if (status === 200) return 'done'
  return status === 503 && !UNKNOWN.test(body?.detail) ? 'not done' : 'unknown'
}

function faultOf(answer: Answer, written: State | undefined, shown: State | undefined): string | undefined {
  const { status, headers, body, text } = answer
  if (shown !== undefined) {
    const isTrue = written === undefined || JSON.stringify(written) === JSON.stringify(shown)
    return isTrue ? undefined : `the answer to ${JSON.stringify(written)} is ${JSON.stringify(shown)}`
  }
  const isRefusal =
    status === 503 &&
    /^[1-9]\d*$/.test(headers['retry-after'] ?? '') &&
    ['busy', 'unavailable'].includes(body?.code)
  return isRefusal ? undefined : `${status} ${JSON.stringify(headers['retry-after'])} ${text.slice(0, 500)}`
}
