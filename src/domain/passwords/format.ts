import { randomInt, timingSafeEqual } from 'node:crypto'

/** One way of storing a password, as one of Django's hashers does. */
export interface HashFormat {
  /** Django's name of it, the text before the first `$` of a stored hash. */
  readonly algorithm: string
  /**
   * Whether `password` is the one that `encoded` was made from. False, at no cost, for a hash that is
   * malformed or whose cost parameters are beyond this format's bounds. Hashing happens off the event loop.
   *
   * @throws TypeError where the password holds a lone surrogate, so has no UTF-8 form
   */
  verify(password: string, encoded: string): Promise<boolean>
  /** Whether `encoded` has the structure of one whole stored hash of this format; its cost doesn't matter. */
  isEncoded(encoded: string): boolean
}

/** A format that new hashes are written in. */
export interface PasswordEncoder extends HashFormat {
  /**
   * A new stored hash of `password` with a fresh salt, under 128 characters. Hashing happens off the event
   * loop.
   *
   * @throws TypeError where the password holds a lone surrogate, so has no UTF-8 form
   */
  encode(password: string): Promise<string>
}

/** In characters. Twice the width of Django's column: whatever is longer was not made by a hasher. */
export const MAX_ENCODED_LENGTH = 256

const ALPHANUMERICS = 'abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789'

/** Random ASCII letters and digits, as Django's `get_random_string`: 5.95 bits each. */
export const randomAlphanumerics = (length: number): string =>
  Array.from({ length }, () => ALPHANUMERICS[randomInt(ALPHANUMERICS.length)]).join('')

// As Django: the fewest characters of this alphabet that carry 128 bits. With fewer it re-hashes at login.
const SALT_LENGTH = 22

/** A fresh salt as Django makes it: 22 random ASCII letters and digits (131 bits). */
export const randomSalt = (): string => randomAlphanumerics(SALT_LENGTH)

/**
 * The bytes of a password that every format hashes.
 *
 * @throws TypeError for a lone surrogate, as Python's `str.encode` does; Node would make U+FFFD of each of
 * them, and so accept different passwords for one another
 */
export function passwordBytes(password: string): Buffer {
  if (/\p{Surrogate}/u.test(password)) throw new TypeError('A password must be well-formed Unicode')
  return Buffer.from(password, 'utf8')
}

/** Django's name of the algorithm that a stored hash claims, or undefined where there is no `$` to end it. */
export function claimedAlgorithm(encoded: string): string | undefined {
  const end = encoded.indexOf('$')
  return end > 0 ? encoded.slice(0, end) : undefined
}

/** The groups of `pattern` in a stored hash, or undefined where it doesn't match or is overlong. */
export function matchEncoded(pattern: RegExp, encoded: string): string[] | undefined {
  if (encoded.length > MAX_ENCODED_LENGTH) return undefined
  return pattern.exec(encoded)?.slice(1)
}

/** Whether two digests in text form are equal, in a time that doesn't tell where they differ. */
export function sameDigest(left: string, right: string): boolean {
  const [a, b] = [Buffer.from(left), Buffer.from(right)]
  return a.length === b.length && timingSafeEqual(a, b)
}
