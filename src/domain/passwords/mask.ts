import { claimedAlgorithm } from './format.js'

// Every name that a release of Django has had. Any other text before a `$` may be a secret.
const DJANGO_ALGORITHMS: ReadonlySet<string> = new Set([
  'pbkdf2_sha256',
  'pbkdf2_sha1',
  'argon2',
  'bcrypt_sha256',
  'bcrypt',
  'scrypt',
  'sha1',
  'md5',
  'unsalted_sha1',
  'unsalted_md5',
  'crypt',
])

const UNUSABLE_PREFIX = '!'
const HIDDEN = '$********'
const MASK = /^[a-z0-9_]+\$\*{8}$/

/**
 * What may be shown of a stored password: `<algorithm>$********`, or `!` for an unusable one (Django's
 * `is_password_usable`), or `unknown$********`. Depends on nothing but the algorithm, whatever was stored.
 */
export function maskOf(encoded: string): string {
  if (encoded.startsWith(UNUSABLE_PREFIX)) return UNUSABLE_PREFIX
  const algorithm = claimedAlgorithm(encoded) ?? ''
  return (DJANGO_ALGORITHMS.has(algorithm) ? algorithm : 'unknown') + HIDDEN
}

/** Whether a value has the form of a mask, of any user and algorithm, so can't be meant as a password. */
export function isMaskShaped(value: string): boolean {
  return value === UNUSABLE_PREFIX || MASK.test(value)
}
