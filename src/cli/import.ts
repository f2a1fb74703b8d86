/** `user-admin import`: users from a file. */
import { randomUUID } from 'node:crypto'
import { Command, Option } from 'commander'
import { makeUserRecord, type UserRecord } from '../../schemas/index.js'
import { type Config, passwordOptions, readConfig } from '../config.js'
import type { Database } from '../db/database.js'
import { beginImport, findImport, finishImport, forgetImport, type ImportProgress } from '../db/imports.js'
import type { LiveSchema } from '../db/live-schema.js'
import { readReferenceNames } from '../db/reference-names.js'
import { analyzeUsers } from '../db/statistics.js'
import { type Checked, checkRecords, type Existing } from '../domain/import/check.js'
import {
  type Entry,
  makeRecordReader,
  type PasswordKind,
  type ReadEntry,
  UnexpectedPasswordError,
} from '../domain/import/record.js'
import { writeRecords } from '../domain/import/write.js'
import { makePasswordEncoder } from '../domain/passwords/registry.js'
import { createWorkQueue } from '../domain/passwords/work-queue.js'
import { makeWholeChecker } from '../http/validation.js'
import { withDatabase } from './database.js'
import { CommandError, misused } from './failure.js'
import { type ImportSummary, inWords } from './import-summary.js'
import { note } from './output.js'
import { makeMeter } from './progress.js'
import { type Format, formatOf, FORMATS, READERS } from './records/format.js'
import { type FaultSink, openFaultSink } from './records/fault-sink.js'
import { type Input, openInput } from './records/input.js'
import { holdSignals } from './signals.js'

interface Options {
  format?: Format
  passwords?: PasswordKind
  existing: Existing
  errors?: string
  skipInvalid: boolean
  dryRun: boolean
  restart: boolean
  json: boolean
}

/** Users of one transaction. With more of them at once the garbage collector takes a third of the time. */
const CHUNK = 1_000
const HASHED_CHUNK = 50

/**
 * One for each of the transactions that are under way at once, one to ask what became of a commit, and one to analyse
 * what is there.
 */
const CONNECTIONS = 4

/**
 * How many users are made when a small directory is one no longer. What is planned then looks into indexes, which is right
 * for larger ones as well; PostgreSQL's own ANALYZE comes within a minute.
 */
const ANALYZED_AT = [1_000, 10_000]

const NOTES = `
The whole file is looked at before anything is written; where a line is wrong, nothing is. What is imported is noted in
the database: the same command, run again after it was ended, goes on behind the last user that it made.

Status: 0 where all is done, 1 where something failed or lines are wrong, 2 for a wrong option.`

export const importCommand = () =>
  new Command('import')
    .description('Makes users from a file, or from standard input (-). See also: export.')
    .argument('<file>', 'NDJSON or CSV')
    .addOption(
      new Option('--format <format>', 'what the file is; by default as its name says').choices(FORMATS),
    )
    .addOption(
      new Option(
        '--passwords <kind>',
        'what passwords of the file are; without it, none may be there',
      ).choices(['plain', 'hashes']),
    )
    .addOption(
      new Option('--existing <what>', 'what to do about usernames that are taken')
        .choices(['fail', 'skip'])
        .default('fail'),
    )
    .option('--errors <file>', 'where to write what is wrong, as NDJSON; by default it is shown')
    .option('--skip-invalid', 'import the lines that are right, whatever the others are like', false)
    .option('--dry-run', 'only look at the file', false)
    .option('--restart', 'begin with the first line, whatever was imported before', false)
    .option('--json', 'the summary as JSON', false)
    .addHelpText('after', NOTES)
    .action(async (file: string, options: Options) => {
      const began = performance.now()
      const config = readConfig()
      const input = await openInput(file)
      const stopping = new AbortController()
      const release = holdSignals(() => stopping.abort())
      try {
        const done = await importUsers(config, file, input, options, stopping.signal).finally(input.close)
        const summary: ImportSummary = { ...done, seconds: Math.round(performance.now() - began) / 1_000 }
        process.stdout.write(`${options.json ? JSON.stringify(summary) : inWords(summary)}\n`)
        if (summary.failed > 0 || !(summary.finished || summary.dry_run)) process.exitCode = 1
      } finally {
        release()
      }
    })

type Done = Omit<ImportSummary, 'seconds'>

async function importUsers(
  config: Config,
  file: string,
  input: Input,
  options: Options,
  signal: AbortSignal,
): Promise<Done> {
  if (options.errors !== undefined && (await input.isAt(options.errors)))
    throw misused(`${options.errors} is what is imported: --errors would empty it.`)
  const digest = await input.digest()
  const work = async (database: Database, schema: LiveSchema) => {
    const before = options.restart ? undefined : await findImport(database, digest)
    if (before !== undefined && before.finished_at !== null) return finishedBefore(before, options)
    // Not before something is to be done: it empties its file.
    const sink = openFaultSink(options.errors)
    try {
      if (options.restart && !options.dryRun) await forgetImport(database, digest)
      const read = await makeReader(config, database, schema, options)
      const source: Job['source'] = (onRead) =>
        READERS[options.format ?? formatOf(file)](input.chunks(onRead))
      return await run({ database, options, input, digest, sink, signal, before, config, read, source })
    } finally {
      sink.close()
    }
  }
  return withDatabase(config, work, CONNECTIONS)
}

interface Job {
  database: Database
  config: Config
  options: Options
  input: Input
  digest: Buffer
  /** Undefined for a file that is new. */
  before: ImportProgress | undefined
  sink: FaultSink
  signal: AbortSignal
  read: (entry: Entry) => ReadEntry
  source: (onRead?: (bytes: number) => void) => AsyncGenerator<Entry[]>
}

function finishedBefore(
  { imported, skipped, failed, finished_at }: ImportProgress,
  { dryRun }: Options,
): Done {
  note(`This file was imported before, at ${finished_at}. Nothing was done; --restart begins anew.`)
  return {
    dry_run: dryRun,
    read: imported + skipped + failed,
    imported,
    skipped,
    failed,
    resumed_after: null,
    finished: true,
  }
}

/** By the rules of the API, with the limits that its settings and the tables have. */
async function makeReader(
  config: Config,
  database: Database,
  { widths }: LiveSchema,
  { passwords }: Options,
): Promise<Job['read']> {
  const schema = makeUserRecord({
    firstNameMaxLength: Math.min(config.FIRST_NAME_MAX_LENGTH, widths.first_name ?? Infinity),
    columnWidths: widths,
  })
  const names = await readReferenceNames(database)
  return makeRecordReader({ check: makeWholeChecker<UserRecord>(schema), names, passwords })
}

async function run(job: Job): Promise<Done> {
  const { options, before, signal } = job
  const checked = await check(job)
  const { records: read, faulty, ...counts } = checked
  const done = {
    dry_run: options.dryRun,
    read,
    ...counts,
    resumed_after: before?.line ?? null,
    finished: false,
  }
  if (options.dryRun || signal.aborted) return done
  if (read === 0) {
    // Not noted: whoever should have filled it may come again.
    note('There are no users in this file.')
    return { ...done, finished: true }
  }
  if (faulty.size > 0 && !options.skipInvalid) {
    note(
      `Nothing ${before === undefined ? '' : 'more '}was imported. Correct these lines, or leave them out with --skip-invalid.`,
    )
    return { ...done, imported: before?.imported ?? 0, skipped: before?.skipped ?? 0 }
  }
  const { imported, skipped, failed } = await write(job, checked)
  return { ...done, imported, skipped, failed, finished: !signal.aborted }
}

async function check({
  database,
  options,
  input,
  before,
  sink,
  signal,
  read,
  source,
}: Job): Promise<Checked> {
  const meter = makeMeter('checking')
  let bytes = 0
  try {
    return await checkRecords(
      database,
      source((position) => (bytes = position)),
      {
        read,
        existing: options.existing,
        after: before?.line ?? 0,
        onFaults: sink.report,
        onProgress: (records) => meter.at(records, bytes / input.size),
        signal,
      },
    )
  } catch (error) {
    throw error instanceof UnexpectedPasswordError
      ? new CommandError(`${error.message} Say what passwords are: --passwords plain, or --passwords hashes.`)
      : error
  } finally {
    meter.end()
  }
}

async function write(job: Job, { records, faulty }: Checked) {
  const { database, options, digest, sink, signal, read, source } = job
  await beginImport(database, digest, randomUUID())
  const { request_id: requestId, line: after, ...before } = (await findImport(database, digest))!
  const counts = { imported: before.imported, skipped: before.skipped, failed: before.failed }
  const meter = makeMeter('importing')
  const total = () => counts.imported + counts.skipped + counts.failed
  meter.at(total(), total() / records)
  const isPlain = options.passwords === 'plain'
  try {
    await writeRecords(database, source(), {
      digest,
      requestId,
      read,
      existing: options.existing,
      after,
      faulty,
      encode: isPlain ? hasher(job.config) : async (hash) => hash,
      chunkSize: isPlain ? HASHED_CHUNK : CHUNK,
      onFaults: sink.report,
      onProgress(done) {
        const reached = reachedBetween(counts.imported, counts.imported + done.imported)
        // Nothing depends on it but how long others take.
        if (reached !== undefined) void analyzeUsers(database, reached).catch(() => {})
        counts.imported += done.imported
        counts.skipped += done.skipped
        counts.failed += done.failed
        meter.at(total(), total() / records)
      },
      signal,
    })
    if (!signal.aborted) await finishImport(database, digest)
    return counts
  } finally {
    meter.end()
    if (signal.aborted)
      note(`Ended after ${total()} of ${records} users. The same command goes on from here.`)
  }
}

const reachedBetween = (before: number, now: number): number | undefined =>
  ANALYZED_AT.find((count) => before < count && count <= now)

/** Some passwords at once, as the service hashes them. */
function hasher(config: Config): (password: string) => Promise<string> {
  const encoder = makePasswordEncoder(passwordOptions(config))
  const queue = createWorkQueue({ concurrency: config.HASH_CONCURRENCY, maxQueued: 2 * HASHED_CHUNK })
  return (password) => queue.run(() => encoder.encode(password))
}
