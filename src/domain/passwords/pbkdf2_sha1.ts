import type { HashFormat } from './format.js'
import { makePbkdf2Format } from './pbkdf2.js'

/** Django's `PBKDF2SHA1PasswordHasher`: `pbkdf2_sha1$<iterations>$<salt>$<digest>`. Read only. */
export const pbkdf2Sha1: HashFormat = makePbkdf2Format({
  algorithm: 'pbkdf2_sha1',
  digest: 'sha1',
  digestBytes: 20,
})
