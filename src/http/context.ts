/** What the routes work with: made once by the plugin. */
import type { Contract, Fault, Group, GroupUpdate, Revocable, UserUpdate } from '../../schemas/index.js'
import type { CheckedBody } from '../domain/accept-update.js'
import type { Caller } from '../domain/callers.js'
import type { Update } from '../domain/decide-update.js'
import type { Outcome } from '../domain/update-users.js'
import type { BatcherStats } from '../db/batcher.js'
import type { Database, Transaction, TransactionOptions } from '../db/database.js'
import type { OwnedTable } from '../db/names.js'
import type { StoredUser } from '../db/users.js'
import type { Authenticator } from './authenticate.js'
import type { Client } from './client.js'
import type { EntityTags } from './entity-tags.js'
import type { RateLimits } from './rate-limits.js'
import type { RequireIfMatch } from './preconditions.js'

/** What the service did since its start, and what waits now. */
export interface Stats {
  batches: { updates: BatcherStats; reads: BatcherStats; callers: BatcherStats }
  queues: Record<'passwords' | 'lists' | 'transactions', { running: number; queued: number }>
  retries: number
}

export interface Context {
  contract: Contract
  callers: Authenticator
  limits: RateLimits
  /** Keys fingerprints; the same on all replicas. */
  secret: Buffer
  userTags: EntityTags<StoredUser>
  groupTags: EntityTags<Group>
  /** Which changes want `If-Match`. */
  requireIfMatch: RequireIfMatch
  /** What can be revoked of a user here. */
  revocable: readonly Revocable[]
  /** Validates some fields of a user. */
  checkUser(values: object): CheckedBody<UserUpdate>
  /** Validates some fields of a group. */
  checkGroup(values: object): CheckedBody<GroupUpdate>
  /** For what is not done in batches. */
  database: Database
  /** Tables whose rows go with a user that is deleted. */
  deletedWithUser: readonly OwnedTable[]
  /** Items of a page of a list, where the request does not say. */
  pageSize: number
  /**
   * Reads a list when its turn comes: lists may take long, and must not take every connection.
   * @throws ProblemError `busy` where too many wait already
   */
  runList<Result>(read: () => Promise<Result>): Promise<Result>
  /**
   * Runs a transaction that shares nothing with others, when its turn comes: it may wait for a lock, and must not take every
   * connection.
   * @throws ProblemError `busy` where too many wait already
   */
  runAlone<Result>(
    work: (transaction: Transaction) => Promise<Result>,
    options?: Pick<TransactionOptions<Result>, 'keeps'>,
  ): Promise<Result>
  /** What goes on, for metrics. */
  stats(): Stats
  /** Aborts when the service ends: for what waits long. */
  closing: AbortSignal
  /**
   * One user, memberships included. Confirms the caller.
   * @throws ProblemError where the caller may not read it any more
   */
  readUser(id: number, caller: Caller): Promise<StoredUser | undefined>
  /** The faults of updates that only the database knows. Writes nothing. */
  findFaults(updates: readonly Update[]): Promise<Fault[][]>
  /**
   * Applies one update. Confirms the caller, in the transaction that decides.
   * @param client who takes it back by going, while it waits for its turn
   * @throws ProblemError where it is refused
   */
  updateUser(update: Update, client: Client): Promise<StoredUser>
  /** Applies updates in a transaction of the caller's own. */
  applyUpdates(
    transaction: Transaction,
    updates: readonly Update[],
    options?: { isAtomic: boolean },
  ): Promise<Outcome[]>
  /**
   * The stored form of a password.
   * @param client who takes it back by going, while it waits for its turn
   * @throws ProblemError `busy` where too many wait already
   */
  encodePassword(password: string, client: Client): Promise<string>
}
