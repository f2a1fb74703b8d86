import { pbkdf2 as pbkdf2Callback } from 'node:crypto'
import { promisify } from 'node:util'
import { type HashFormat, matchEncoded, passwordBytes, randomSalt, sameDigest } from './format.js'

/** What the PBKDF2 hashers of Django differ in. */
export interface Pbkdf2Variant {
  readonly algorithm: string
  readonly digest: 'sha1' | 'sha256'
  readonly digestBytes: number
}

interface Pbkdf2Hash {
  iterations: number
  salt: string
  digest: string
}

/** Five times Django 5.2's default. Stored hashes beyond it don't verify, new ones are not made. */
export const MAX_PBKDF2_ITERATIONS = 5_000_000

const pbkdf2 = promisify(pbkdf2Callback)
const PATTERN = /^(\w+)\$([1-9]\d{0,9})\$([^$]+)\$([A-Za-z0-9+/]+={0,2})$/

/** Verifies `<algorithm>$<iterations>$<salt>$<digest in Base64>`, up to {@link MAX_PBKDF2_ITERATIONS}. */
export function makePbkdf2Format(variant: Pbkdf2Variant): HashFormat {
  return {
    algorithm: variant.algorithm,
    isEncoded: (encoded) => parse(variant, encoded) !== undefined,
    async verify(password, encoded) {
      const stored = parse(variant, encoded)
      if (!stored || stored.iterations > MAX_PBKDF2_ITERATIONS) return false
      return sameDigest(await digestOf(variant, password, stored.salt, stored.iterations), stored.digest)
    },
  }
}

/** A new stored hash of `password` with a fresh salt. */
export async function encodePbkdf2(
  variant: Pbkdf2Variant,
  password: string,
  iterations: number,
): Promise<string> {
  const salt = randomSalt()
  return `${variant.algorithm}$${iterations}$${salt}$${await digestOf(variant, password, salt, iterations)}`
}

async function digestOf(
  { digest, digestBytes }: Pbkdf2Variant,
  password: string,
  salt: string,
  iterations: number,
): Promise<string> {
  return (await pbkdf2(passwordBytes(password), salt, iterations, digestBytes, digest)).toString('base64')
}

function parse({ algorithm, digestBytes }: Pbkdf2Variant, encoded: string): Pbkdf2Hash | undefined {
  const [name, iterations, salt = '', digest = ''] = matchEncoded(PATTERN, encoded) ?? []
  const digestLength = 4 * Math.ceil(digestBytes / 3)
  if (name !== algorithm || digest.length !== digestLength) return undefined
  return { iterations: Number(iterations), salt, digest }
}
