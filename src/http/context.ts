/** What the routes work with: made once by the plugin. */
import type { Contract, Fault } from '../../schemas/index.js'
import type { Update } from '../domain/decide-update.js'
import type { StoredUser } from '../db/users.js'
import type { Authenticate } from './authenticate.js'
import type { Client } from './client.js'

export interface Context {
  contract: Contract
  authenticate: Authenticate
  /** One user, memberships included. */
  readUser(id: number): Promise<StoredUser | undefined>
  /** The faults of an update that only the database knows. Writes nothing. */
  findFaults(update: Update): Promise<Fault[]>
  /**
   * Applies one update.
   * @param client who takes it back by going, while it waits for its turn
   * @throws ProblemError where it is refused
   */
  updateUser(update: Update, client: Client): Promise<StoredUser>
  /**
   * The stored form of a password.
   * @param client who takes it back by going, while it waits for its turn
   * @throws ProblemError `busy` where too many wait already
   */
  encodePassword(password: string, client: Client): Promise<string>
}
