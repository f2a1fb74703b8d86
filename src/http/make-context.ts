/** Makes what the routes work with: batches of reads and writes, queues with bounds, the authenticator. */
import {
  type GroupUpdate,
  makeContract,
  REVOCABLE,
  type UserSchemaOptions,
  type UserUpdate,
} from '../../schemas/index.js'
import { createBatcher, READS } from '../db/batcher.js'
import type { Database } from '../db/database.js'
import { mayBeOneRowsFault } from '../db/sqlstate.js'
import { readUsers } from '../db/users.js'
import { type Caller, findActors } from '../domain/callers.js'
import { mayShareUser, type Update } from '../domain/decide-update.js'
import { makePasswordEncoder, type PasswordEncoderOptions } from '../domain/passwords/registry.js'
import { createWorkQueue, QueueFullError, type WorkQueueOptions } from '../domain/passwords/work-queue.js'
import { findFaults, type Outcome, updateUsers } from '../domain/update-users.js'
import { unavailable } from '../errors.js'
import { inSpan } from '../spans.js'
import { makeAuthenticator } from './authenticate.js'
import type { Context } from './context.js'
import { makeGroupTags, makeUserTags } from './entity-tags.js'
import type { TokenVerifier } from './jwt.js'
import { makeChecker } from './validation.js'

export type ContextOptions = UserSchemaOptions &
  Pick<Context, 'deletedWithUser' | 'closing' | 'pageSize' | 'requireIfMatch' | 'secret' | 'limits'> & {
    /** How new passwords are stored. Default argon2, at Django's parameters. */
    passwords?: Partial<PasswordEncoderOptions> | undefined
    /** How many passwords are hashed at once, and how many may wait. Default 2 and 64. */
    hashing?: Partial<Pick<WorkQueueOptions, 'concurrency' | 'maxQueued'>> | undefined
    /** Where callers are looked up. Default: where all else is done. */
    callersDatabase?: Database
    /** Verifies JWTs of an identity provider. Default: none are taken. */
    verify?: TokenVerifier | undefined
    /** Whether Django REST Framework's tokens are taken. */
    tokens: boolean
  }

/** How updates share locks and commits. One batch at a time grows to what the load needs. */
const WRITES = { maxSize: 64, concurrency: 1, maxWaiting: 2_000 }

/** Milliseconds that a batch waits for a row that somebody else has locked. */
const SHARED_LOCK_TIMEOUT_MS = 250

/** What the routes work with. Opens no connection by itself. */
export function makeContext(database: Database, options: ContextOptions): Context {
  const encoder = makePasswordEncoder({ hasher: 'argon2', ...options.passwords })
  const passwords = createWorkQueue({ concurrency: 2, maxQueued: 64, ...options.hashing })
  // Half of the connections stay for everything else.
  const concurrency = Math.max(1, Math.floor(database.pool.options.max / 2))
  const lists = createWorkQueue({ concurrency, maxQueued: MAX_WAITING_LISTS })
  const transactions = createWorkQueue({ concurrency, maxQueued: MAX_WAITING_TRANSACTIONS })
  const revocable = REVOCABLE.filter(
    (kind) => kind === 'keys' || options.deletedWithUser.includes('authtoken_token'),
  )
  const applyUpdates: Context['applyUpdates'] = (transaction, updates, { isAtomic } = { isAtomic: false }) =>
    updateUsers(transaction, updates, { isAtomic, revocable })
  const contract = makeContract(options)
  const callers = makeAuthenticator(options.callersDatabase ?? database, {
    tokens: options.tokens,
    verify: options.verify,
    permissionName: (name) => database.options.names.permission(name),
  })
  const reads = createBatcher({
    name: 'reads',
    run: (wanted: readonly { id: number; caller: Caller }[]) => readFor(database, wanted),
    ...READS,
  })
  const writes = createBatcher<Update, Outcome>({
    name: 'updates',
    run: (updates, letNext) =>
      database.transaction(
        async (transaction) => {
          const outcomes = await applyUpdates(transaction, updates)
          // What is left is the write and the commit: the next batch is locked and decided meanwhile.
          letNext()
          return outcomes
        },
        // A conflict, or somebody else's lock, is for each member to have by itself.
        updates.length > 1 ? { attempts: 1, lockTimeoutMs: SHARED_LOCK_TIMEOUT_MS } : {},
      ),
    keyOf: ({ id }) => id,
    mayShare: mayShareUser,
    isolates: mayBeOneRowsFault,
    ...WRITES,
  })
  return {
    contract,
    database,
    limits: options.limits,
    secret: options.secret,
    userTags: makeUserTags(options.secret),
    groupTags: makeGroupTags(options.secret),
    requireIfMatch: options.requireIfMatch,
    deletedWithUser: options.deletedWithUser,
    revocable,
    pageSize: options.pageSize,
    closing: options.closing,
    checkUser: makeChecker<UserUpdate>(contract.UserUpdate),
    checkGroup: makeChecker<GroupUpdate>(contract.GroupUpdate),
    applyUpdates,
    callers,
    findFaults: (updates) => database.transaction((transaction) => findFaults(transaction, updates)),

    async readUser(id, caller) {
      const { actor, user } = await reads.submit({ id, caller })
      caller.admit(actor)
      return user
    },
    async updateUser(update, client) {
      const outcome = await writes.submit(update, client.gone)
      if ('problem' in outcome) throw outcome.problem
      return outcome.user
    },

    stats: () => ({
      batches: { updates: writes.stats(), reads: reads.stats(), callers: callers.stats() },
      queues: { passwords: passwords.stats(), lists: lists.stats(), transactions: transactions.stats() },
      retries: database.retries,
    }),

    runList: (read) => lists.run(read).catch(tellBusy('Too many lists are being read.')),

    runAlone: (work, transactionOptions) =>
      transactions
        .run(() => database.transaction(work, transactionOptions))
        .catch(tellBusy('Too many changes are waiting.')),

    encodePassword: (password, client) =>
      passwords
        .run(() => inSpan('hash password', {}, () => encoder.encode(password)), { signal: client.signal() })
        .catch(tellBusy('Too many passwords are being hashed.')),
  }
}

/** Lists, and transactions of their own, that may wait for their turn. */
const MAX_WAITING_LISTS = 200
const MAX_WAITING_TRANSACTIONS = 1_000

const tellBusy =
  (detail: string) =>
  (error: unknown): never => {
    if (!(error instanceof QueueFullError)) throw error
    throw unavailable('busy', detail, undefined, error.retryAfterSeconds)
  }

/** Users, and who asks for them as they are known now: in one round trip. */
async function readFor(database: Database, wanted: readonly { id: number; caller: Caller }[]) {
  const [actors, users] = await database.together((connection) =>
    Promise.all([
      findActors(
        connection,
        wanted.map(({ caller }) => caller.credential),
      ),
      readUsers(
        connection,
        wanted.map(({ id }) => id),
      ),
    ]),
  )
  return wanted.map((_, index) => ({ actor: actors[index], user: users[index] }))
}
