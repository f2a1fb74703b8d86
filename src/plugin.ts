/** Wires one encapsulated scope: the API under a prefix of a host's app. */
import type { FastifyInstance, FastifyPluginAsync } from 'fastify'
import type pg from 'pg'
import type { Registry } from 'prom-client'
import { CONTRACT_DEFAULTS, DEFAULT_PAGE_SIZE, type UserSchemaOptions } from '../schemas/index.js'
import { Database, openPools, type Pools } from './db/database.js'
import type { AdminLog } from './db/admin-log.js'
import { inspectSchema, type LiveSchema } from './db/live-schema.js'
import { Names, type Naming } from './db/names.js'
import { readSecret } from './db/secret.js'
import { findUserByUsername } from './db/superusers.js'
import type { JwtOptions } from './domain/jwt-options.js'
import { SetupError } from './errors.js'
import type { TokenVerifier } from './http/jwt.js'
import { type ContextOptions, makeContext } from './http/make-context.js'
import type { RequireIfMatch } from './http/preconditions.js'
import { limitRates, NO_LIMITS, type RateLimitOptions } from './http/rate-limits.js'
import { registerRoutes } from './http/register.js'
import { forgetAnswers, forgetCounts, removeOldEvents } from './ops/retention.js'

/** How the plugin is set up. `prefix` is Fastify's own. */
export interface UserAdminOptions {
  /** The URL of the PostgreSQL database, or a pool that the host opened and closes itself. */
  database: string | pg.Pool
  /** Connections of a pool of our own, beside one that looks up who calls. Default 10. */
  poolSize?: number
  /**
   * Connections for looking up who calls, so that credentials are told from bad ones while all others are busy. Default: those of
   * `database`, where that is a pool.
   */
  callersPool?: pg.Pool
  /** Milliseconds that a statement, or a wait for a connection, may take. Default 5,000. */
  databaseTimeoutMs?: number
  /** Named prepared statements; turn off behind a pooler that can't keep them. Default true. */
  prepared?: boolean
  /** Fields that a PATCH must carry. Default none: a partial update. */
  patchRequired?: UserSchemaOptions['patchRequired']
  /** Characters of `first_name`. Default 30, the contract's; at most the column's width. */
  firstNameMaxLength?: number
  /** How new passwords are stored: `{ hasher, pbkdf2Iterations, argon2HashLength }`. Default argon2, at Django's parameters. */
  passwords?: ContextOptions['passwords']
  /** How many passwords are hashed at once, and how many may wait: `{ concurrency, maxQueued }`. Default 2 and 64. */
  hashing?: ContextOptions['hashing']
  /** Whether Django REST Framework's tokens are taken where that table exists. Default true. */
  tokens?: boolean
  /** As `AUTH_USER_MODEL` of the Django project: its tables and permissions are called after it. Default `auth.User`. */
  userModel?: Naming['userModel']
  /** Tables that are called otherwise than Django does by itself: `{ auth_user: 'schema.table' }`. */
  tables?: Naming['tables']
  /** JWTs of an identity provider that are taken: `jwksUrl`, `issuer`, `audience` and more, as the settings `JWT_…`. Default none. */
  jwt?: JwtOptions | undefined
  /**
   * Whether changes are entered in Django's own log too, for the History pages of its admin site; `user` is the username of who
   * stands for callers that are no users (`{ user }`). Default false.
   */
  adminLog?: boolean | AdminLog
  /** How many requests may come in a minute: `{ perAddress, perCaller, shared }`. Default: any number. */
  rateLimits?: Partial<RateLimitOptions>
  /** Where metrics of the pool, the batches and the queues are registered (prom-client). Default none. */
  metrics?: Registry | undefined
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
  const { pool, callersPool } = openDatabase(app, options)
  const schema = await inspectSchema(pool, { firstNameLimit: options.firstNameMaxLength, names })
  checkFirstName(app, schema, options.firstNameMaxLength)
  const databaseOptions = {
    timeoutMs: options.databaseTimeoutMs,
    prepared: options.prepared,
    names,
    adminLog: adminLogOf(app, options.adminLog, schema, names),
    log: app.log,
  }
  const database = new Database(pool, databaseOptions)

  await checkStandIn(database)
  const { hasAuthTokens, deletedWithUser } = schema
  const closing = new AbortController()
  app.addHook('preClose', async () => closing.abort())
  removeOldEvents(app, database, options.auditRetentionDays)
  forgetAnswers(app, database)
  const tokens = options.tokens && hasAuthTokens
  const secret = await readSecret(pool)
  const rateLimits = { ...NO_LIMITS, ...options.rateLimits }
  if (rateLimits.shared) forgetCounts(app, database)
  const context = makeContext(database, {
    ...options,
    callersDatabase: callersPool === pool ? database : new Database(callersPool, databaseOptions),
    columnWidths: { ...schema.widths, group_name: schema.groupNameWidth },
    tokens,
    deletedWithUser,
    closing: closing.signal,
    verify: options.jwt && (await loadVerifier(options.jwt)),
    limits: await limitRates(app, database, rateLimits),
    secret,
  })
  if (options.metrics !== undefined) {
    // Loaded where it is wanted: most hosts have metrics of their own, or none.
    const { measureWork } = await import('./ops/metrics.js')
    measureWork(options.metrics, pool, context.stats)
  }
  registerRoutes(app, context)
}

/** Loaded where it is wanted: most have no JWTs. */
async function loadVerifier(options: JwtOptions): Promise<TokenVerifier> {
  const { makeTokenVerifier } = await import('./http/jwt.js')
  return makeTokenVerifier(options)
}

function openDatabase(
  app: FastifyInstance,
  {
    database,
    callersPool,
    poolSize,
    databaseTimeoutMs: timeoutMs,
  }: UserAdminOptions & { poolSize: number; databaseTimeoutMs: number },
): Pick<Pools, 'pool' | 'callersPool'> {
  if (typeof database !== 'string') return { pool: database, callersPool: callersPool ?? database }
  const pools = openPools(database, { max: poolSize, timeoutMs })
  app.addHook('onClose', pools.end)
  return pools
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

/** @throws SetupError where nobody has the name of who stands for callers that are no users */
async function checkStandIn(database: Database): Promise<void> {
  const user = database.options.adminLog?.user
  if (user === undefined || (await findUserByUsername(database, user)) !== undefined) return
  throw new SetupError(`adminLog.user (DJANGO_ADMIN_LOG_USER) is ${user}, and there is no such user.`)
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
