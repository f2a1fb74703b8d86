import { argon2d, argon2i, argon2id, hash } from 'argon2'
import {
  type HashFormat,
  matchEncoded,
  type PasswordEncoder,
  passwordBytes,
  randomSalt,
  sameDigest,
} from './format.js'

/**
 * Bytes of a new hash's digest. Django leaves it to argon2-cffi: 16 before its version 21.2, 32 since. With
 * the other one a login still works, and Django re-hashes once.
 */
export type Argon2HashLength = 16 | 32

interface Argon2Hash {
  variety: 0 | 1 | 2
  version: number
  memoryKib: number
  passes: number
  lanes: number
  salt: Buffer
  digest: string
}

// Unpadded. Node's decoder forgives what Argon2's own refuses: an impossible length, bits left over.
const BASE64 = /(?:[A-Za-z0-9+/]{4})*(?:[A-Za-z0-9+/][AQgw]|[A-Za-z0-9+/]{2}[AEIMQUYcgkosw048])?/.source
const VARIETIES = { argon2d, argon2i, argon2id } as const
// Without `v=` it's Argon2 1.0, which the first argon2-cffi wrote for Django 1.10.
const PATTERN = new RegExp(
  /^argon2\$(argon2id|argon2i|argon2d)(?:\$v=(16|19))?/.source +
    /\$m=([1-9]\d{0,9}),t=([1-9]\d{0,9}),p=([1-9]\d{0,7})/.source +
    `\\$(?=[^$]{11})(${BASE64})\\$(?=.{6})(${BASE64})$`,
)
// Django's own: 100 MiB, 2 passes, 8 lanes.
const DJANGO = { variety: argon2id, version: 19, memoryKib: 102_400, passes: 2, lanes: 8 } as const

// Bounds on a hash that someone else stored: 5 times the memory of Django's own, 10 times the work.
const MAX_MEMORY_KIB = 512 * 1024
const MAX_PASSES = 16
const MAX_LANES = 16
const MAX_WORK_KIB = 2 * 1024 * 1024

/**
 * Django's `Argon2PasswordHasher`: `argon2$argon2id$v=19$m=102400,t=2,p=8$<salt>$<digest>`, 91 characters
 * with a digest of 16 bytes and 112 with 32. Verifies argon2i and argon2d too, in both of their versions, up
 * to 512 MiB, 16 passes, 16 lanes, and 2 GiB of memory times passes.
 */
export function makeArgon2(hashLength: Argon2HashLength = 16): PasswordEncoder {
  return { ...verifier, encode: (password) => encode(password, hashLength) }
}

const verifier: HashFormat = {
  algorithm: 'argon2',
  isEncoded: (encoded) => matchEncoded(PATTERN, encoded) !== undefined,
  async verify(password, encoded) {
    const stored = parse(encoded)
    if (!stored || !isAffordable(stored)) return false
    const length = Buffer.from(stored.digest, 'base64').length
    return sameDigest(await digestOf(password, stored, length), stored.digest)
  },
}

export const argon2: PasswordEncoder = makeArgon2()

async function encode(password: string, hashLength: Argon2HashLength): Promise<string> {
  const salt = Buffer.from(randomSalt())
  const { memoryKib, passes, lanes, version } = DJANGO
  const digest = await digestOf(password, { ...DJANGO, salt }, hashLength)
  return `argon2$argon2id$v=${version}$m=${memoryKib},t=${passes},p=${lanes}$${unpadded(salt)}$${digest}`
}

type Argon2Input = Omit<Argon2Hash, 'digest'>

async function digestOf(password: string, cost: Argon2Input, hashLength: number): Promise<string> {
  return unpadded(
    await hash(passwordBytes(password), {
      raw: true,
      type: cost.variety,
      version: cost.version,
      memoryCost: cost.memoryKib,
      timeCost: cost.passes,
      parallelism: cost.lanes,
      salt: cost.salt,
      hashLength,
    }),
  )
}

function parse(encoded: string): Argon2Hash | undefined {
  const match = matchEncoded(PATTERN, encoded)
  if (!match) return undefined
  const [variety = '', version, memory, passes, lanes, salt = '', digest = ''] = match
  return {
    variety: VARIETIES[variety as keyof typeof VARIETIES],
    version: Number(version ?? 16),
    memoryKib: Number(memory),
    passes: Number(passes),
    lanes: Number(lanes),
    salt: Buffer.from(salt, 'base64'),
    digest,
  }
}

function isAffordable({ memoryKib, passes, lanes }: Argon2Hash): boolean {
  return (
    memoryKib <= MAX_MEMORY_KIB &&
    passes <= MAX_PASSES &&
    lanes <= MAX_LANES &&
    memoryKib * passes <= MAX_WORK_KIB &&
    // Argon2's own minimum: below it the library throws.
    memoryKib >= 8 * lanes
  )
}

function unpadded(bytes: Buffer): string {
  return bytes.toString('base64').replace(/=+$/, '')
}
