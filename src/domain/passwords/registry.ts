import { argon2, type Argon2HashLength, makeArgon2 } from './argon2.js'
import { bcryptSha256 } from './bcrypt_sha256.js'
import { claimedAlgorithm, type HashFormat, type PasswordEncoder } from './format.js'
import { pbkdf2Sha1 } from './pbkdf2_sha1.js'
import { makePbkdf2Sha256, pbkdf2Sha256 } from './pbkdf2_sha256.js'
import { scryptFormat } from './scrypt.js'

export interface PasswordEncoderOptions {
  hasher: 'argon2' | 'pbkdf2_sha256'
  /** Only for `pbkdf2_sha256`: 1 to 5,000,000; by default 1,000,000, which is Django 5.2's. */
  pbkdf2Iterations?: number | undefined
  /** Only for `argon2`: 32 where Django has argon2-cffi 21.2 or later; by default 16. */
  argon2HashLength?: Argon2HashLength | undefined
}

const FORMATS: ReadonlyMap<string, HashFormat> = new Map(
  [argon2, pbkdf2Sha256, pbkdf2Sha1, scryptFormat, bcryptSha256].map((format) => [format.algorithm, format]),
)

// What Django wrote once and nobody verifies here; an unsalted digest can't be told from a password.
const LEGACY =
  /^(?:md5\$[^$]*\$[0-9a-f]{32}|sha1\$[^$]*\$[0-9a-f]{40}|bcrypt\$\$2[aby]\$\d\d\$[./A-Za-z0-9]{53})$/

// As Django's make_password(None) writes it.
const UNUSABLE = /^![A-Za-z0-9]{40}$/

/** The format that a stored hash claims by its prefix, if registered; the rest may still be malformed. */
export function identify(encoded: string): HashFormat | undefined {
  const algorithm = claimedAlgorithm(encoded)
  return algorithm === undefined ? undefined : FORMATS.get(algorithm)
}

/**
 * Whether `password` is the one that `encoded` was made from, as Django's `check_password`. Never throws:
 * false for an unknown, unusable or malformed hash, for one whose cost is beyond its format's bounds, and
 * where the library gives up (out of memory). Unlike Django it hashes nothing in place of a hash that it
 * can't verify.
 */
export async function verifyPassword(password: string, encoded: string): Promise<boolean> {
  try {
    return (await identify(encoded)?.verify(password, encoded)) ?? false
  } catch {
    return false
  }
}

/**
 * Whether a value is what Django stores rather than a password that someone chose: a whole hash of a
 * registered or a former format, or the mark of an unusable password (`!` and 40 letters and digits). Such a value in a
 * body was read elsewhere, and to hash it would lock the user out.
 */
export function looksLikeStoredHash(value: string): boolean {
  return UNUSABLE.test(value) || LEGACY.test(value) || (identify(value)?.isEncoded(value) ?? false)
}

/**
 * The encoder of new passwords.
 *
 * @throws RangeError where `pbkdf2Iterations` is out of its range
 */
export function makePasswordEncoder(options: PasswordEncoderOptions): PasswordEncoder {
  return options.hasher === 'argon2'
    ? makeArgon2(options.argon2HashLength)
    : makePbkdf2Sha256(options.pbkdf2Iterations)
}
