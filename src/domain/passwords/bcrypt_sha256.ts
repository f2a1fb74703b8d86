import { createHash } from 'node:crypto'
import bcrypt from 'bcrypt'
import { type HashFormat, matchEncoded, passwordBytes, sameDigest } from './format.js'

// Eight times the work of Django's 12.
const MAX_COST = 15
const PATTERN = /^bcrypt_sha256\$\$2[aby]\$(0[4-9]|[12]\d|3[01])\$([./A-Za-z0-9]{22})([./A-Za-z0-9]{31})$/

/**
 * Django's `BCryptSHA256PasswordHasher`: `bcrypt_sha256$$2b$12$<salt><digest>`, bcrypt over the SHA-256 of
 * the password in hexadecimal. Read only. Verifies up to cost 15.
 */
export const bcryptSha256: HashFormat = {
  algorithm: 'bcrypt_sha256',
  isEncoded: (encoded) => matchEncoded(PATTERN, encoded) !== undefined,
  async verify(password, encoded) {
    const [cost, salt = '', digest = ''] = matchEncoded(PATTERN, encoded) ?? []
    if (cost === undefined || Number(cost) > MAX_COST) return false
    const sha256 = createHash('sha256').update(passwordBytes(password)).digest('hex')
    // 2a, 2b and 2y are the same for 64 ASCII characters, and the library doesn't know 2y.
    const made = await bcrypt.hash(sha256, `$2b$${cost}$${salt}`)
    return sameDigest(made.slice(-digest.length), digest)
  },
}
