/** Who calls: from the header `Authorization` to an actor. */
import { type Actor } from '../domain/actor.js'
import { API_KEY, hashApiKey } from '../domain/api-key.js'
import { createBatcher, READS } from '../db/batcher.js'
import type { Queryable } from '../db/database.js'
import { type CallerRow, findCallersByApiKey, findCallersByToken } from '../db/callers.js'
import { ProblemError } from '../errors.js'

/** Finds the actor behind a value of `Authorization`. */
export type Authenticate = (authorization: string | undefined) => Promise<Actor>

// Every scheme that is taken, so that a client learns what to send (RFC 9110 §11.6.1).
const challenge = (tokens: boolean) =>
  `Bearer realm="user-admin"${tokens ? ', Token realm="user-admin"' : ''}`

// `authtoken_token.key` is a varchar(40): what is longer is no token, and needs no query.
const TOKEN = /^[\x21-\x7e]{1,40}$/

/** Reads credentials without looking them up. */
export function parseAuthorization(
  header: string | undefined,
): { scheme: string; credential: string } | undefined {
  const match = /^(bearer|token)(?:[ \t]+(.*))?$/is.exec(header?.trim() ?? '')
  return match === null ? undefined : { scheme: match[1]!.toLowerCase(), credential: match[2]?.trim() ?? '' }
}

/**
 * @param tokens whether Django REST Framework's tokens are taken
 * @returns a function that throws `not_authenticated` where no credential of a known scheme was sent, and
 *   `authentication_failed` where it is not valid or its user is inactive; `unavailable` where nobody can tell
 */
export function makeAuthenticate(db: Queryable, { tokens }: { tokens: boolean }): Authenticate {
  const headers = { 'www-authenticate': challenge(tokens) }
  const failed = (detail: string) => new ProblemError('authentication_failed', { detail, headers })

  const apiKeys = createBatcher({ run: (keys: readonly string[]) => findByApiKey(db, keys), ...READS })
  const drfTokens = createBatcher({ run: (keys: readonly string[]) => findByToken(db, keys), ...READS })
  const find = async (scheme: string, credential: string): Promise<CallerRow | undefined> => {
    if (scheme === 'bearer' && API_KEY.test(credential)) return apiKeys.submit(credential)
    if (scheme === 'token' && tokens && TOKEN.test(credential)) return drfTokens.submit(credential)
    return undefined
  }

  return async (authorization) => {
    const parsed = parseAuthorization(authorization)
    if (parsed === undefined || (parsed.scheme === 'token' && !tokens)) {
      throw new ProblemError('not_authenticated', {
        detail: 'Authentication credentials were not provided.',
        headers,
      })
    }
    const caller = await find(parsed.scheme, parsed.credential)
    if (caller === undefined) throw failed('Invalid credentials.')
    if (!caller.is_active) throw failed('User inactive or deleted.')
    return actorOf(caller)
  }
}

async function findByApiKey(db: Queryable, keys: readonly string[]): Promise<(CallerRow | undefined)[]> {
  const hashes = new Map(keys.map((key) => [key, hashApiKey(key)]))
  const found = byCredential(await findCallersByApiKey(db, [...hashes.values()]))
  return keys.map((key) => found.get(hashes.get(key)!.toString('hex')))
}

async function findByToken(db: Queryable, keys: readonly string[]): Promise<(CallerRow | undefined)[]> {
  const found = byCredential(await findCallersByToken(db, [...new Set(keys)]))
  return keys.map((key) => found.get(key))
}

const byCredential = (callers: CallerRow[]) => new Map(callers.map((caller) => [caller.credential, caller]))

const actorOf = (caller: CallerRow): Actor => ({
  id: caller.id,
  username: caller.username,
  isStaff: caller.is_staff,
  isSuperuser: caller.is_superuser,
  permissions: new Set(caller.permission_ids),
  authPermissions: new Set(caller.auth_permissions),
  credential: caller.key_id === null ? 'token' : `api_key:${caller.key_id}`,
})
