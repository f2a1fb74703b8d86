/** From the credentials of requests to the users behind them. */
import { type CallerRow, findCallersByApiKey, findCallersByToken } from '../db/callers.js'
import type { Queryable } from '../db/database.js'
import type { Actor } from './actor.js'

/** What a request says it may be known by. */
export interface Credential {
  kind: 'api_key' | 'token'
  /** The SHA-256 of an API key in hex, or a token of Django REST Framework. */
  value: string
}

/** Whoever makes a request. */
export interface Caller {
  readonly credential: Credential
  /** As last looked up, which may have been for an earlier request. Nothing is decided with it before `admit`. */
  readonly actor: Actor
  /** Whether the actor was looked up for this request. */
  readonly isConfirmed: boolean
  /**
   * Takes what the credential was found to be.
   * @returns the actor, with what it may do now
   * @throws ProblemError where it may not make this request (401, 403)
   */
  admit(found: Actor | undefined): Actor
}

/** The users of these credentials, in their order. Undefined for one that is unknown, expired or revoked. */
export async function findActors(
  db: Queryable,
  credentials: readonly Credential[],
): Promise<(Actor | undefined)[]> {
  const wanted = { api_key: new Set<string>(), token: new Set<string>() }
  for (const { kind, value } of credentials) wanted[kind].add(value)
  const [byKey, byToken] = await Promise.all([
    wanted.api_key.size > 0 ? findCallersByApiKey(db, [...wanted.api_key]) : [],
    wanted.token.size > 0 ? findCallersByToken(db, [...wanted.token]) : [],
  ])
  const actors = { api_key: actorsOf(byKey), token: actorsOf(byToken) }
  return credentials.map(({ kind, value }) => actors[kind].get(value))
}

const actorsOf = (callers: readonly CallerRow[]): Map<string, Actor> =>
  new Map(callers.map((caller) => [caller.credential, actorOf(caller)]))

const actorOf = (caller: CallerRow): Actor => ({
  id: caller.id,
  username: caller.username,
  isActive: caller.is_active,
  isStaff: caller.is_staff,
  isSuperuser: caller.is_superuser,
  permissions: new Set(caller.permission_ids),
  authPermissions: new Set(caller.auth_permissions),
  credential: caller.key_id === null ? 'token' : `api_key:${caller.key_id}`,
})
