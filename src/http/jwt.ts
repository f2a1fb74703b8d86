/** JWTs of an identity provider (RFC 7519, RFC 8725): verified against the keys that it publishes. */
import {
  createRemoteJWKSet,
  customFetch,
  errors,
  type JWTPayload,
  jwtVerify,
  type JWTVerifyGetKey,
  type JWTVerifyOptions,
} from 'jose'
import type { Credential } from '../domain/callers.js'
import { normalizeEmail } from '../domain/email.js'
import { JWT_ALGORITHMS, type JwtOptions } from '../domain/jwt-options.js'
import { unavailable } from '../errors.js'
import { CLIENT, inSpan, traceHeaders } from '../spans.js'

/** As OpenID Connect has it (Core §2), and as events and logs may have it too. */
const SUBJECT = /^[\x20-\x7e]{1,255}$/

/** Seconds by which clocks may differ. */
const CLOCK_TOLERANCE = 5

const FETCH_TIMEOUT_MS = 3_000

/** Whoever sends tokens of unknown keys must not make us ask the provider for each. */
const COOLDOWN_MS = 30_000
const FAILURE_COOLDOWN_MS = 1_000

/** @returns undefined for a token that is not valid, or names nobody @throws `unavailable` where nobody can tell */
export type TokenVerifier = (token: string) => Promise<Credential | undefined>

/** Verifies signature, issuer, audience and time, and reads who the caller is. */
export function makeTokenVerifier(options: JwtOptions): TokenVerifier {
  const keys = publishedKeys(options)
  const wanted: JWTVerifyOptions = {
    issuer: options.issuer,
    audience: options.audience,
    algorithms: [...(options.algorithms ?? JWT_ALGORITHMS)],
    requiredClaims: ['exp', 'sub'],
    clockTolerance: CLOCK_TOLERANCE,
  }
  return async (token) => {
    const claims = await verified(token, keys, wanted)
    return claims && credentialIn(claims, options)
  }
}

async function verified(
  token: string,
  keys: JWTVerifyGetKey,
  wanted: JWTVerifyOptions,
): Promise<JWTPayload | undefined> {
  try {
    const { payload } = await jwtVerify(token, keys, wanted)
    return payload
  } catch (error) {
    if (error instanceof errors.JOSEError) return undefined
    // The key that fits is too weak, or not for signatures.
    if (error instanceof TypeError) throw unreadable(error)
    throw error
  }
}

const unreadable = (cause: unknown) =>
  unavailable('unavailable', "The identity provider's keys could not be read.", cause)

/** The provider's keys, as they are asked for by a token's header. Where they can't be had, nothing can be said of the token. */
function publishedKeys({ jwksUrl, keysMaxAge = 600 }: JwtOptions): JWTVerifyGetKey {
  const keys = createRemoteJWKSet(new URL(jwksUrl), {
    cacheMaxAge: keysMaxAge * 1_000,
    cooldownDuration: COOLDOWN_MS,
    timeoutDuration: FETCH_TIMEOUT_MS,
    [customFetch]: patientFetch(),
  })
  return async (header, token) => {
    try {
      return await keys(header, token)
    } catch (error) {
      if (isTokensFault(error)) throw error
      throw unreadable(error)
    }
  }
}

/** None of the keys, or several, fit what the token says of its own. */
const isTokensFault = (error: unknown): boolean =>
  error instanceof errors.JWKSNoMatchingKey ||
  error instanceof errors.JWKSMultipleMatchingKeys ||
  error instanceof errors.JOSENotSupported

/** Asks again only a moment after it failed. */
function patientFetch(): typeof fetch {
  let notBefore = -Infinity
  const failed = () => void (notBefore = performance.now() + FAILURE_COOLDOWN_MS)
  return async (url, init) => {
    if (performance.now() < notBefore) throw new Error('The keys could not be read a moment ago.')
    try {
      const response = await inSpan('read keys', { kind: CLIENT }, () => tracedFetch(url, init))
      if (!response.ok) failed()
      return response
    } catch (error) {
      failed()
      throw error
    }
  }
}

function tracedFetch(...[url, init]: Parameters<typeof fetch>): Promise<Response> {
  const headers = new Headers(init?.headers)
  for (const [name, value] of Object.entries(traceHeaders())) headers.set(name, value)
  return fetch(url, { ...init, headers })
}

function credentialIn(claims: JWTPayload, { user, scopes }: JwtOptions): Credential | undefined {
  const { sub: subject } = claims
  if (typeof subject !== 'string' || !SUBJECT.test(subject)) return undefined
  if (scopes !== undefined) return { kind: 'permissions', value: permissionsOf(claims, scopes), subject }
  const { claim, field } = user ?? { claim: 'sub', field: 'username' }
  const value = claims[claim]
  if (typeof value !== 'string' || value === '' || value.includes('\0')) return undefined
  if (field === 'username') return { kind: 'username', value, subject }
  // Whoever may enter any address at the provider would be anybody here. Some providers write it as a text.
  const { email_verified: isVerified = true } = claims
  if (isVerified !== true && isVerified !== 'true') return undefined
  return { kind: 'email', value: normalizeEmail(value), subject }
}

/** Each once, in order: callers with the same permissions are looked up together. */
function permissionsOf(claims: JWTPayload, scopes: NonNullable<JwtOptions['scopes']>): string {
  const granted = [claims.scope, claims.scp].flatMap((claim) =>
    typeof claim === 'string' ? claim.split(' ') : Array.isArray(claim) ? claim : [],
  )
  const names = granted.flatMap((scope) =>
    Object.hasOwn(scopes, String(scope)) ? scopes[String(scope)]! : [],
  )
  return [...new Set(names)].toSorted().join(' ')
}
