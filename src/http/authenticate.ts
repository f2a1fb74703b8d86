/** Who calls: from the header `Authorization` to a caller. */
import type { Actor } from '../domain/actor.js'
import { API_KEY, hashApiKey } from '../domain/api-key.js'
import { type Caller, type Credential, findActors } from '../domain/callers.js'
import { type BatcherStats, createBatcher, READS } from '../db/batcher.js'
import type { Queryable } from '../db/database.js'
import { ProblemError } from '../errors.js'
import { authorize, isAllowed } from './access.js'
import type { TokenVerifier } from './jwt.js'
import { KnownCallers } from './known-callers.js'

/** The part of a request that says who it is from. */
export interface Credentials {
  headers: { authorization?: string | undefined }
  /** The connection that it came on. */
  socket: object
}

/**
 * Finds out who makes a request.
 * @throws `not_authenticated` where no credential of a known scheme was sent, `authentication_failed` where it is not
 *   valid or its user is inactive, `permission_denied` where the route is not for it; `unavailable` where nobody can tell
 */
export interface Authenticator {
  /**
   * Looks the caller up.
   * @param anyOf the permissions of which the route wants one
   */
  authenticate(request: Credentials, anyOf: readonly string[]): Promise<Caller>
  /**
   * The same, but who was seen before is not looked up: whatever the route does confirms it, in one round trip with its
   * own statements. So a request of somebody who is known costs no look-up, and yet nothing is decided with what was
   * known.
   */
  recognize(request: Credentials, anyOf: readonly string[]): Promise<Caller>
  /** Any credentials of a known scheme will do, valid or not. */
  requireCredentials(authorization: string | undefined): void
  /** Looks up who was only recognized. */
  confirm(caller: Caller): Promise<void>
  /** What was looked up. */
  stats(): BatcherStats
}

// Every scheme that is taken, so that a client learns what to send (RFC 9110 §11.6.1).
const challenge = (tokens: boolean) =>
  `Bearer realm="user-admin"${tokens ? ', Token realm="user-admin"' : ''}`

// `authtoken_token.key` is a varchar(40): what is longer is no token, and needs no query.
const TOKEN = /^[\x21-\x7e]{1,40}$/

/** What only looks like one is refused where it is verified. */
const LOOKS_LIKE_JWT = /^[\w-]+\.[\w-]+\.[\w-]*$/

/** Reads credentials without looking them up. */
function parseAuthorization(header: string | undefined): { scheme: string; credential: string } | undefined {
  const match = /^(bearer|token)(?:[ \t]+(.*))?$/is.exec(header?.trim() ?? '')
  return match === null ? undefined : { scheme: match[1]!.toLowerCase(), credential: match[2]?.trim() ?? '' }
}

export interface AuthenticatorOptions {
  /** Whether Django REST Framework's tokens are taken. */
  tokens: boolean
  /** Verifies JWTs, where these are taken. */
  verify?: TokenVerifier | undefined
  /** What the project calls a permission. */
  permissionName(permission: string): string
}

export function makeAuthenticator(
  db: Queryable,
  { tokens, verify, permissionName }: AuthenticatorOptions,
): Authenticator {
  const headers = { 'www-authenticate': challenge(tokens) }
  const failed = (detail: string) => new ProblemError('authentication_failed', { detail, headers })
  const lookups = createBatcher({
    name: 'callers',
    run: (credentials: readonly Credential[]) => findActors(db, credentials),
    ...READS,
  })
  const known = new KnownCallers()
  const lastOn = new WeakMap<object, { authorization: string; credential: Credential }>()

  class RequestCaller implements Caller {
    isConfirmed = false

    constructor(
      readonly credential: Credential,
      readonly anyOf: readonly string[],
      public actor: Actor,
    ) {}

    admit(found: Actor | undefined): Actor {
      this.isConfirmed = true
      this.actor = admitted(this.credential, this.anyOf, found)
      return this.actor
    }
  }

  /** Most connections are one caller's: what its last request sent need not be taken apart and hashed again. */
  function credentialOf({
    headers: { authorization },
    socket,
  }: Credentials): Credential | Promise<Credential> {
    const last = lastOn.get(socket)
    if (last !== undefined && last.authorization === authorization) return last.credential
    const credential = credentialIn(authorization)
    // A JWT is verified each time: it ends by itself.
    if (!(credential instanceof Promise)) lastOn.set(socket, { authorization: authorization!, credential })
    return credential
  }

  const notAuthenticated = () =>
    new ProblemError('not_authenticated', {
      detail: 'Authentication credentials were not provided.',
      headers,
    })

  function credentialIn(authorization: string | undefined): Credential | Promise<Credential> {
    const parsed = parseAuthorization(authorization)
    if (parsed === undefined || (parsed.scheme === 'token' && !tokens)) throw notAuthenticated()
    const { scheme, credential } = parsed
    if (scheme === 'bearer' && API_KEY.test(credential))
      return { kind: 'api_key', value: hashApiKey(credential) }
    if (scheme === 'token' && TOKEN.test(credential)) return { kind: 'token', value: credential }
    if (scheme === 'bearer' && verify !== undefined && LOOKS_LIKE_JWT.test(credential))
      return verified(credential)
    throw failed('Invalid credentials.')
  }

  async function verified(token: string): Promise<Credential> {
    const credential = await verify!(token)
    if (credential === undefined) throw failed('Invalid credentials.')
    return credential
  }

  function admitted(credential: Credential, anyOf: readonly string[], found: Actor | undefined): Actor {
    try {
      if (found === undefined) throw failed('Invalid credentials.')
      if (!found.isActive) throw failed('User inactive or deleted.')
      authorize(found, anyOf, permissionName)
    } catch (refusal) {
      known.forget(credential)
      throw refusal
    }
    known.note(credential, found)
    return found
  }

  async function lookUp(credential: Credential, anyOf: readonly string[]): Promise<Caller> {
    const found = await lookups.submit(credential)
    // What was known was not enough, so it is old.
    known.forget(credential)
    const actor = admitted(credential, anyOf, found)
    return Object.assign(new RequestCaller(credential, anyOf, actor), { isConfirmed: true })
  }

  return {
    authenticate: async (request, anyOf) => lookUp(await credentialOf(request), anyOf),

    async recognize(request, anyOf) {
      const credential = await credentialOf(request)
      const actor = known.find(credential)
      return actor !== undefined && isAllowed(actor, anyOf)
        ? new RequestCaller(credential, anyOf, actor)
        : lookUp(credential, anyOf)
    },

    requireCredentials(authorization) {
      if (parseAuthorization(authorization) === undefined) throw notAuthenticated()
    },

    async confirm(caller) {
      caller.admit(await lookups.submit(caller.credential))
    },

    stats: () => lookups.stats(),
  }
}
