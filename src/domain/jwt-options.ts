/** Which JWTs of an identity provider are taken, and who their callers are. */

/** Signatures by a private key alone: with a shared secret, whoever can verify could forge (RFC 8725 §2.1). */
export const JWT_ALGORITHMS = [
  'RS256',
  'RS384',
  'RS512',
  'PS256',
  'PS384',
  'PS512',
  'ES256',
  'ES384',
  'ES512',
  'EdDSA',
] as const
export type JwtAlgorithm = (typeof JWT_ALGORITHMS)[number]

export interface JwtOptions {
  /** Where the provider publishes its keys (RFC 7517 §5). */
  jwksUrl: string
  /** `iss` of every token. */
  issuer: string
  /** What every token has in its `aud`. */
  audience: string
  /** Default: all of `JWT_ALGORITHMS`. */
  algorithms?: readonly JwtAlgorithm[] | undefined
  /** Which claim says who the user is, and what it is of the user. Default `sub`, the username. */
  user?: { claim: string; field: 'username' | 'email' } | undefined
  /**
   * The permissions that each scope stands for, by Django's names. Where there are any, tokens are no user's: their callers are staff
   * who hold these permissions and no others.
   */
  scopes?: Readonly<Record<string, readonly string[]>> | undefined
  /** Seconds for which keys are used without asking for newer ones. Default 600. */
  keysMaxAge?: number | undefined
}
