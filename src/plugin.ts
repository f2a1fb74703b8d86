/** Wires one encapsulated scope: the API under a prefix of a host's app. */
import type { FastifyInstance, FastifyPluginAsync } from 'fastify'
import type pg from 'pg'
import {
  CONTRACT_DEFAULTS,
  DEFAULT_PAGE_SIZE,
  type GroupUpdate,
  makeContract,
  REVOCABLE,
  type UserSchemaOptions,
  type UserUpdate,
} from '../schemas/index.js'
import { Database, openPool } from './db/database.js'
import type { AdminLog } from './db/admin-log.js'
import { createBatcher, READS } from './db/batcher.js'
import { inspectSchema, type LiveSchema } from './db/live-schema.js'
import { Names, type Naming } from './db/names.js'
import { readSecret } from './db/secret.js'
import { readUsers } from './db/users.js'
import { type Caller, findActors } from './domain/callers.js'
import { mayShareUser, type Update } from './domain/decide-update.js'
import type { JwtOptions } from './domain/jwt-options.js'
import { makePasswordEncoder, type PasswordEncoderOptions } from './domain/passwords/registry.js'
import { createWorkQueue, QueueFullError, type WorkQueueOptions } from './domain/passwords/work-queue.js'
import { findFaults, type Outcome, updateUsers } from './domain/update-users.js'
import { SetupError, unavailable } from './errors.js'
import { mayBeOneRowsFault } from './db/sqlstate.js'
import { makeAuthenticator } from './http/authenticate.js'
import type { Context } from './http/context.js'
import { makeGroupTags, makeUserTags } from './http/entity-tags.js'
import { makeTokenVerifier } from './http/jwt.js'
import type { RequireIfMatch } from './http/preconditions.js'
import { limitRates, NO_LIMITS, type RateLimitOptions } from './http/rate-limits.js'
import { registerRoutes } from './http/register.js'
import { makeChecker } from './http/validation.js'
import { forgetAnswers, forgetCounts, removeOldEvents } from './ops/retention.js'

/** How the plugin is set up. `prefix` is Fastify's own. */
export interface UserAdminOptions {
  /** The URL of the PostgreSQL database, or a pool that the host opened and closes itself. */
  database: string | pg.Pool
  /** Connections of a pool of our own. Default 10. */
  poolSize?: number
  /** Milliseconds that a statement, or a wait for a connection, may take. Default 5,000. */
  databaseTimeoutMs?: number
  /** Named prepared statements; turn off behind a pooler that can't keep them. Default true. */
  prepared?: boolean
  /** Fields that a PATCH must carry. Default none: a partial update. */
  patchRequired?: UserSchemaOptions['patchRequired']
  /** Characters of `first_name`. Default 30, the contract's; at most the column's width. */
  firstNameMaxLength?: number
  /** How new passwords are stored. Default argon2, at Django's parameters. */
  passwords?: Partial<PasswordEncoderOptions>
  /** How many passwords are hashed at once, and how many may wait. Default 2 and 64. */
  hashing?: Partial<Pick<WorkQueueOptions, 'concurrency' | 'maxQueued'>>
  /** Whether Django REST Framework's tokens are taken where that table exists. Default true. */
  tokens?: boolean
  /** As `AUTH_USER_MODEL` of the Django project: its tables and permissions are called after it. Default `auth.User`. */
  userModel?: Naming['userModel']
  /** Tables that are called otherwise than Django does by itself: `{ auth_user: 'schema.table' }`. */
  tables?: Naming['tables']
  /** JWTs of an identity provider that are taken. Default none. */
  jwt?: JwtOptions | undefined
  /**
   * Whether changes are entered in Django's own log too, for the History pages of its admin site; `user` is the username of who
   * stands for callers that are no users. Default false.
   */
  adminLog?: boolean | AdminLog
  /** How many requests may come in a minute, of an address and of a caller. Default: any number. */
  rateLimits?: Partial<RateLimitOptions>
  /** Days for which audit events are kept. Default 0: for ever. */
  auditRetentionDays?: number
  /** Items of a page of a list, where the request does not say. Default 100. */
  pageSize?: number
  /** Which changes want `If-Match`: none, those of privileges and passwords, or all. Default `never`. */
  requireIfMatch?: RequireIfMatch
}

const DEFAULTS = {
  poolSize: 10,
  databaseTimeoutMs: 5_000,
  prepared: true,
  ...CONTRACT_DEFAULTS,
  tokens: true,
  adminLog: false,
  auditRetentionDays: 0,
  pageSize: DEFAULT_PAGE_SIZE,
  requireIfMatch: 'never',
} as const

/**
 * The user administration API. Register it under a prefix: `app.register(userAdmin, { prefix: '/admin', database })`.
 * It is encapsulated: nothing of the host's routes, schemas, validators or parsers is touched.
 * @throws UnservableSchemaError where the tables can't be served, and SetupError where the options contradict them
 */
export const userAdmin: FastifyPluginAsync<UserAdminOptions> = async (app, given) => {
  const options = { ...DEFAULTS, ...given }
  const names = new Names(options)
  const pool = openDatabase(app, options)
  const schema = await inspectSchema(pool, { firstNameLimit: options.firstNameMaxLength, names })
  checkFirstName(app, schema, options.firstNameMaxLength)
  const database = new Database(pool, {
    timeoutMs: options.databaseTimeoutMs,
    prepared: options.prepared,
    names,
    adminLog: adminLogOf(app, options.adminLog, schema, names),
    log: app.log,
  })

  const { hasAuthTokens, deletedWithUser } = schema
  const closing = new AbortController()
  app.addHook('preClose', async () => closing.abort())
  removeOldEvents(app, database, options.auditRetentionDays)
  forgetAnswers(app, database)
  const tokens = options.tokens && hasAuthTokens
  const secret = await readSecret(pool)
  const rateLimits = { ...NO_LIMITS, ...options.rateLimits }
  if (rateLimits.shared) forgetCounts(app, database)
  registerRoutes(
    app,
    makeContext(database, {
      ...options,
      columnWidths: { ...schema.widths, group_name: schema.groupNameWidth },
      tokens,
      deletedWithUser,
      closing: closing.signal,
      limits: await limitRates(app, database, rateLimits),
      secret,
    }),
  )
}

export type ContextOptions = UserSchemaOptions &
  Pick<UserAdminOptions, 'passwords' | 'hashing' | 'jwt'> &
  Pick<Context, 'deletedWithUser' | 'closing' | 'pageSize' | 'requireIfMatch' | 'secret' | 'limits'> & {
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
  const queue = createWorkQueue({ concurrency: 2, maxQueued: 64, ...options.hashing })
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
  const reads = createBatcher({
    run: (wanted: readonly { id: number; caller: Caller }[]) => readFor(database, wanted),
    ...READS,
  })
  const writes = createBatcher<Update, Outcome>({
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
    callers: makeAuthenticator(database, {
      tokens: options.tokens,
      verify: options.jwt && makeTokenVerifier(options.jwt),
      permissionName: (name) => database.options.names.permission(name),
    }),
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

    runList: (read) => lists.run(read).catch(tellBusy('Too many lists are being read.')),

    runAlone: (work, transactionOptions) =>
      transactions
        .run(() => database.transaction(work, transactionOptions))
        .catch(tellBusy('Too many changes are waiting.')),

    encodePassword: (password, client) =>
      queue
        .run(() => encoder.encode(password), { signal: client.signal() })
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

function openDatabase(
  app: FastifyInstance,
  options: { database: string | pg.Pool; poolSize: number; databaseTimeoutMs: number },
): pg.Pool {
  if (typeof options.database !== 'string') return options.database
  const pool = openPool(options.database, { max: options.poolSize, timeoutMs: options.databaseTimeoutMs })
  app.addHook('onClose', () => pool.end())
  return pool
}

/** @throws SetupError where Django's log is there and can't be written to */
function adminLogOf(
  app: FastifyInstance,
  wanted: boolean | AdminLog,
  { adminLog }: LiveSchema,
  names: Names,
): AdminLog | undefined {
  if (wanted === false) return undefined
  const table = names.shown('django_admin_log')
  if (adminLog === 'unwritable') {
    throw new SetupError(
      `adminLog (DJANGO_ADMIN_LOG) is on, but ${table} can't be written to: this database role needs INSERT on it (and USAGE of ` +
        'its sequence), and it must be the table of django.contrib.admin.',
    )
  }
  if (adminLog === 'absent')
    app.log.warn(`there is no table ${table}: changes are not entered in Django's log`)
  if (adminLog === 'absent') return undefined
  return wanted === true ? {} : wanted
}

function checkFirstName(app: FastifyInstance, { widths, longestFirstName }: LiveSchema, limit: number): void {
  if (widths.first_name !== null && limit > widths.first_name) {
    throw new SetupError(
      `firstNameMaxLength (FIRST_NAME_MAX_LENGTH) is ${limit}, but the column first_name holds ${widths.first_name}.`,
    )
  }
  if (longestFirstName !== null) {
    app.log.warn(
      { longest: longestFirstName, limit },
      'the table holds first names longer than the limit: set FIRST_NAME_MAX_LENGTH so that they can be written',
    )
  }
}
