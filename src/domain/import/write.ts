/** The second pass over a file: its users are made, chunk by chunk, and what is done is noted with them. */
import type { Fault } from '../../../schemas/index.js'
import { type AuditEvent, copiedEvents } from '../../db/audit.js'
import { sendConstraintsCheck } from '../../db/constraints.js'
import type { Database, Transaction } from '../../db/database.js'
import { findIdSource, sendUsers, takeIds } from '../../db/import-users.js'
import { advanceImport, type ImportCounts, lockImport } from '../../db/imports.js'
import { readReferences } from '../../db/references.js'
import { mayBeOneRowsFault, problemOf } from '../../db/sqlstate.js'
import type { StoredUser } from '../../db/users.js'
import { SetupError } from '../../errors.js'
import type { Actor } from '../actor.js'
import { applied } from '../audit.js'
import { emptyUser } from '../create-user.js'
import { type Decision, decideUpdate, type Facts } from '../decide-update.js'
import { makeUnusablePassword } from '../passwords/unusable.js'
import { shownValue } from '../user.js'
import { ahead, batchesOf } from './batches.js'
import type { Existing, FaultReport } from './check.js'
import { type Order, workInTurn } from './in-turn.js'
import type { Entry, ImportRecord, ReadEntry } from './record.js'

export interface WriteOptions {
  /** SHA-256 of the file. */
  digest: Buffer
  requestId: string
  read: (entry: Entry) => ReadEntry
  existing: Existing
  /** The last line that is done. */
  after: number
  /** Lines that are not written. */
  faulty: ReadonlySet<number>
  /** From what a record has as a password to what is stored. */
  encode: (password: string) => Promise<string>
  /** Records of one transaction. */
  chunkSize: number
  onFaults: FaultReport
  /** Told what a transaction has done, once it holds. */
  onProgress: (counts: ImportCounts) => void
  signal: AbortSignal
}

/** Whoever has the command line may do everything. */
export const OPERATOR: Actor = {
  id: null,
  username: null,
  isActive: true,
  isStaff: true,
  isSuperuser: true,
  permissions: new Set(),
  authPermissions: new Set(),
  credential: 'command_line',
}

/** A record, ready for the database. */
type Ready = Omit<ImportRecord, 'password'> & { encodedPassword: string }

/** Consecutive lines. */
interface Chunk {
  after: number
  /** The last one. */
  line: number
  records: Ready[]
  /** How many lines are wrong. */
  failed: number
}

/**
 * Writes what follows a line. A signal ends it after the chunks that are under way.
 * @throws SetupError where another process imports the same file
 */
export async function writeRecords(
  database: Database,
  source: AsyncIterable<readonly Entry[]>,
  options: WriteOptions,
): Promise<void> {
  const idSource = await findIdSource(database, database.options.names.relation('auth_user'))
  const all = { ...options, idSource }
  await workInTurn(untilAborted(ahead(chunksOf(source, options)), options.signal), {
    beside: async (chunk, order) => tell(await tryBeside(database, chunk, all, order), all),
    alone: (chunk) => writeChunk(database, chunk, all),
  })
}

async function* chunksOf(
  source: AsyncIterable<readonly Entry[]>,
  options: WriteOptions,
): AsyncGenerator<Chunk> {
  let after = options.after
  for await (const entries of batchesOf(following(source, after), options.chunkSize)) {
    if (options.signal.aborted) return
    const line = entries.at(-1)!.line
    const records = entries
      .filter((entry) => !options.faulty.has(entry.line))
      .map(options.read)
      // Right when it was checked: somebody has changed the file since.
      .filter((entry): entry is ImportRecord => 'patch' in entry)
    const ready = await Promise.all(records.map((record) => readyOf(record, options)))
    yield { after, line, records: ready, failed: entries.length - records.length }
    after = line
  }
}

async function* untilAborted<T>(source: AsyncIterable<T>, signal: AbortSignal): AsyncGenerator<T> {
  for await (const item of source) {
    if (signal.aborted) return
    yield item
  }
}

async function* following(source: AsyncIterable<readonly Entry[]>, after: number) {
  for await (const entries of source) {
    const last = entries.at(-1)
    if (last === undefined || last.line <= after) continue
    yield entries[0]!.line > after ? entries : entries.filter(({ line }) => line > after)
  }
}

async function readyOf({ line, patch, password }: ImportRecord, options: WriteOptions): Promise<Ready> {
  return {
    line,
    patch,
    encodedPassword: password === undefined ? makeUnusablePassword() : await options.encode(password),
  }
}

type ChunkOptions = WriteOptions & { idSource: string }

/** What a transaction has done. */
interface Written {
  counts: ImportCounts
  faults: [line: number, found: readonly Fault[]][]
}

function tell({ counts, faults }: Written, { onFaults, onProgress }: WriteOptions): void {
  for (const [line, found] of faults) onFaults(line, found)
  onProgress(counts)
}

/** Whoever would have to wait for long had better be done alone. */
const LOCK_TIMEOUT_MS = 1_000

async function tryBeside(
  database: Database,
  chunk: Chunk,
  options: ChunkOptions,
  order: Order,
): Promise<Written> {
  // In a transaction of its own: of two that overlap for as long as the import takes, one would always hold the groups, and nobody
  // could change them. What is deleted meanwhile the foreign keys tell.
  const facts = await database.transaction((transaction) => readFacts(transaction, chunk.records))
  return database.transaction((transaction) => writeIn(transaction, chunk, facts, options, order), {
    // Ids that were taken for a second time would come after those of the next one.
    attempts: 1,
    // Of a wait for the one beside it, which waits for its turn, PostgreSQL could not tell that it has no end.
    lockTimeoutMs: LOCK_TIMEOUT_MS,
  })
}

const ALONE: Order = { pass: () => {}, turn: async () => {} }

/** A chunk that the database refuses for one of its rows is halved, until that row is alone. */
async function writeChunk(database: Database, chunk: Chunk, options: ChunkOptions): Promise<void> {
  try {
    const written = await database.transaction(async (transaction) =>
      writeIn(transaction, chunk, await readFacts(transaction, chunk.records), options, ALONE),
    )
    tell(written, options)
  } catch (error) {
    const { records } = chunk
    if (records.length === 0 || !mayBeOneRowsFault(error)) throw error
    if (records.length === 1) return writeRefused(database, chunk, faultsOf(error), options)
    const half = records.length >> 1
    const middle = records[half - 1]!.line
    await writeChunk(
      database,
      { ...chunk, line: middle, records: records.slice(0, half), failed: 0 },
      options,
    )
    await writeChunk(database, { ...chunk, after: middle, records: records.slice(half) }, options)
  }
}

/** A chunk whose only record is wrong after all. */
async function writeRefused(
  database: Database,
  { records, ...chunk }: Chunk,
  faults: readonly Fault[],
  options: ChunkOptions,
): Promise<void> {
  await writeChunk(database, { ...chunk, records: [], failed: chunk.failed + 1 }, options)
  options.onFaults(records[0]!.line, faults)
}

/** @throws what the database has reported, where that is no fault of a row */
function faultsOf(error: unknown): readonly Fault[] {
  const { errors } = problemOf(error).details
  if (errors === undefined) throw error
  return errors
}

const GONE_ON =
  'The import of this file has gone on meanwhile: by another process, or by a transaction whose end was lost with its connection. ' +
  'Nothing was done twice; the same command goes on from there.'

async function writeIn(
  transaction: Transaction,
  chunk: Chunk,
  facts: Facts,
  options: ChunkOptions,
  { pass, turn }: Order,
): Promise<Written> {
  const counts = { imported: 0, skipped: 0, failed: chunk.failed }
  const faults: Written['faults'] = []
  const decisions: Made[] = []
  // One for all: to tell the moment takes longer than to decide.
  const nobody = emptyUser()
  for (const record of chunk.records) {
    if (options.existing === 'skip' && facts.takenBy.has(record.patch.username)) {
      counts.skipped++
      continue
    }
    const decision = decide(record, nobody, facts)
    if (decision.kind === 'changed') decisions.push(decision)
    else faults.push([record.line, decision.kind === 'invalid' ? decision.faults : []])
  }
  counts.imported = decisions.length
  counts.failed += faults.length
  const ids = await takeIds(transaction, options.idSource, decisions.length)
  // The next one has later ids.
  pass()
  const users = decisions.map(({ after }, index): StoredUser => ({ ...after, id: ids[index]! }))
  sendUsers(transaction, users)
  const events = users.map((user, index) => eventOf(user, decisions[index]!, options.requestId))
  transaction.leavesTrace(events)
  const recorded = copiedEvents(events)
  await transaction.flush()
  await turn()
  const reached = lockImport(transaction, options.digest)
  // What follows is on its way before the first of it is done.
  sendConstraintsCheck(transaction)
  // As the last thing: readers of the feed wait for whoever has written some.
  transaction.copy(recorded)
  advanceImport(transaction, options.digest, chunk.line, counts)
  if ((await reached) !== chunk.after) throw new SetupError(GONE_ON)
  return { counts, faults }
}

type Made = Extract<Decision, { kind: 'changed' }>

function decide({ patch, encodedPassword }: Ready, nobody: StoredUser, facts: Facts): Decision {
  const decision = decideUpdate(OPERATOR, { sent: patch, patch, encodedPassword }, nobody, facts)
  // Of two in one chunk the database refuses the second.
  facts.takenBy.delete(patch.username)
  return decision
}

function eventOf(user: StoredUser, { changed }: Made, requestId: string): AuditEvent {
  const deed = { actor: OPERATOR, requestId, action: 'user.create', targetId: user.id } as const
  return applied(
    deed,
    changed,
    () => null,
    (field) => shownValue(user, field),
  )
}

/** Locks the groups and permissions that the records name, and looks who has their usernames. */
function readFacts(transaction: Transaction, records: readonly Ready[]): Promise<Facts> {
  const none = new Set<number>()
  const named = (field: 'groups' | 'user_permissions') =>
    new Set(records.flatMap(({ patch }) => patch[field] ?? []))
  return readReferences(transaction, {
    userIds: none,
    groupIds: named('groups'),
    permissionIds: named('user_permissions'),
    usernames: new Set(records.map(({ patch }) => patch.username)),
    effectiveOf: none,
    permissionsOfGroups: none,
  })
}
