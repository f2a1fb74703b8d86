import type { PasswordEncoder } from './format.js'
import { encodePbkdf2, makePbkdf2Format, MAX_PBKDF2_ITERATIONS, type Pbkdf2Variant } from './pbkdf2.js'

/** Django 5.2's. Every feature release raises it, and re-hashes at login what has another number. */
export const DEFAULT_PBKDF2_ITERATIONS = 1_000_000

const VARIANT: Pbkdf2Variant = { algorithm: 'pbkdf2_sha256', digest: 'sha256', digestBytes: 32 }

/**
 * Django's `PBKDF2PasswordHasher`, its default: `pbkdf2_sha256$<iterations>$<salt>$<digest>`, at most 89
 * characters. `iterations` is that of new hashes; give the number of the Django that logs the users in.
 *
 * @throws RangeError where `iterations` is no whole number from 1 to 5,000,000
 */
export function makePbkdf2Sha256(iterations: number = DEFAULT_PBKDF2_ITERATIONS): PasswordEncoder {
  if (!Number.isInteger(iterations) || iterations < 1 || iterations > MAX_PBKDF2_ITERATIONS) {
    throw new RangeError(`PBKDF2 iterations must be a whole number from 1 to ${MAX_PBKDF2_ITERATIONS}`)
  }
  return { ...makePbkdf2Format(VARIANT), encode: (password) => encodePbkdf2(VARIANT, password, iterations) }
}

export const pbkdf2Sha256: PasswordEncoder = makePbkdf2Sha256()
