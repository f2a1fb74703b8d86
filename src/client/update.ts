/** Reads, changes and writes, with the condition that nobody else wrote meanwhile; begins again where somebody did. */
import type { Answered } from './problems.js'
import { dataOf } from './problems.js'

/** How an update is tried. */
export interface UpdateOptions {
  /** How often it is begun, at most. By default 10. */
  attempts?: number
  /** Ends it. */
  signal?: AbortSignal
}

/** What to change of what was read; nothing where nothing is to be changed. It may be called more than once. */
export type Change<Stored, Changes> = (stored: Stored) => Changes | undefined | Promise<Changes | undefined>

/** Reads and writes of one thing. */
export interface Resource<Changes> {
  read(): Promise<Answered>
  write(changes: Changes, entityTag: string): Promise<Answered>
}

const DEFAULT_ATTEMPTS = 10
const PRECONDITION_FAILED = 412

/**
 * @returns what is stored now
 * @throws ProblemError where it is refused; with `precondition_failed` where others were faster each time
 */
export async function readAndUpdate<Stored, Changes>(
  { read, write }: Resource<Changes>,
  change: Change<Stored, Changes>,
  attempts = DEFAULT_ATTEMPTS,
): Promise<Stored> {
  for (let attempt = 1; ; attempt++) {
    const current = await read()
    const stored = (await dataOf(current)) as Stored
    const changes = await change(stored)
    if (changes === undefined) return stored
    const written = await write(changes, entityTagOf(current))
    if (written.response.status !== PRECONDITION_FAILED || attempt >= attempts)
      return (await dataOf(written)) as Stored
  }
}

function entityTagOf({ response }: Answered): string {
  const tag = response.headers.get('etag')
  if (tag === null) throw new Error('The answer came without its ETag: something on the way removed it.')
  return tag
}
