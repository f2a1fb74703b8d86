/** The first pass over a file: everything that is wrong with it, before anything is written. */
import type { Fault } from '../../../schemas/index.js'
import type { Queryable } from '../../db/database.js'
import type { ImportCounts } from '../../db/imports.js'
import { takenUsernames } from '../../db/reference-names.js'
import { ahead, batchesOf } from './batches.js'
import type { Entry, ImportRecord, ReadEntry } from './record.js'

/** Records that are looked up at once. */
const BATCH = 1_000

/** JavaScript's maps hold no more. */
const MAX_USERNAMES = 2 ** 24 - 1

/** What becomes of a record whose username somebody has already. */
export type Existing = 'fail' | 'skip'

/** Told of each line that is wrong. */
export type FaultReport = (line: number, faults: readonly Fault[]) => void

export interface CheckOptions {
  read: (entry: Entry) => ReadEntry
  existing: Existing
  /** The last line that was imported before. What is up to it exists by now. */
  after: number
  onFaults: FaultReport
  /** Told how many records were looked at. */
  onProgress: (records: number) => void
  /** Ends it early: then what it tells is not of the whole file. */
  signal: AbortSignal
}

/** What would become of the file. */
export interface Checked extends ImportCounts {
  /** All records. */
  records: number
  /** Lines that are wrong: they are not written. */
  faulty: ReadonlySet<number>
}

/** @throws RangeError for more usernames than can be held */
export async function checkRecords(
  db: Queryable,
  source: AsyncIterable<readonly Entry[]>,
  { read, existing, after, onFaults, onProgress, signal }: CheckOptions,
): Promise<Checked> {
  const lines = new Map<string, number>()
  const faulty = new Set<number>()
  const counts = { records: 0, imported: 0, skipped: 0, failed: 0 }
  const refuse = (line: number, faults: readonly Fault[]) => {
    faulty.add(line)
    counts.failed++
    onFaults(line, faults)
  }
  for await (const batch of ahead(readBatches(source, read))) {
    if (signal.aborted) break
    const records = batch.filter((entry): entry is ImportRecord => 'patch' in entry)
    const unknown = records.filter(({ line }) => line > after).map(({ patch }) => patch.username)
    const taken = await takenUsernames(db, unknown)
    for (const entry of batch) {
      if ('faults' in entry) {
        refuse(entry.line, entry.faults)
        continue
      }
      const { line, patch } = entry
      const first = lines.get(patch.username)
      if (first !== undefined) refuse(line, [repeated(first)])
      else if (lines.size === MAX_USERNAMES) throw new RangeError('These are too many users for one file.')
      else {
        lines.set(patch.username, line)
        if (line <= after || !taken.has(patch.username)) counts.imported++
        else if (existing === 'skip') counts.skipped++
        else refuse(line, [TAKEN])
      }
    }
    counts.records += batch.length
    onProgress(counts.records)
  }
  return { ...counts, faulty }
}

async function* readBatches(source: AsyncIterable<readonly Entry[]>, read: (entry: Entry) => ReadEntry) {
  for await (const batch of batchesOf(source, BATCH)) yield batch.map(read)
}

const repeated = (line: number): Fault => ({
  pointer: '/username',
  code: 'duplicate',
  detail: `Line ${line} has the same username.`,
})

/** As a decision says it. */
export const TAKEN: Fault = {
  pointer: '/username',
  code: 'unique',
  detail: 'A user with that username already exists.',
}
