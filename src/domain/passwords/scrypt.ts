import { scrypt as scryptCallback, type ScryptOptions } from 'node:crypto'
import { promisify } from 'node:util'
import { type HashFormat, matchEncoded, passwordBytes, sameDigest } from './format.js'

interface ScryptHash {
  cost: number
  salt: string
  blockSize: number
  parallelism: number
  digest: string
}

const MIB = 1024 * 1024
// Bounds on a hash that someone else stored: Django's own takes 16 MiB, five times over.
const MAX_MEMORY = 256 * MIB
const MAX_PARALLELISM = 16
const MAX_WORK = 1024 * MIB

const DIGEST_BYTES = 64
const PATTERN = /^scrypt\$([1-9]\d{0,9})\$([^$]+)\$([1-9]\d{0,9})\$([1-9]\d{0,9})\$([A-Za-z0-9+/]{86}==)$/

const scrypt: (password: Buffer, salt: string, length: number, options: ScryptOptions) => Promise<Buffer> =
  promisify(scryptCallback)

/**
 * Django's `ScryptPasswordHasher` (since 4.0): `scrypt$<N>$<salt>$<r>$<p>$<digest in Base64>`. Read only.
 * Verifies up to 256 MiB of memory (128·N·r), p of 16, and 1 GiB of memory times p.
 */
export const scryptFormat: HashFormat = {
  algorithm: 'scrypt',
  isEncoded: (encoded) => parse(encoded) !== undefined,
  async verify(password, encoded) {
    const stored = parse(encoded)
    if (!stored || !isAffordable(stored)) return false
    return sameDigest(await digestOf(password, stored), stored.digest)
  },
}

async function digestOf(password: string, stored: ScryptHash): Promise<string> {
  const { cost, salt, blockSize, parallelism } = stored
  const digest = await scrypt(passwordBytes(password), salt, DIGEST_BYTES, {
    N: cost,
    r: blockSize,
    p: parallelism,
    // OpenSSL counts its buffers too, and Node's default of 32 MiB is less than what this format admits.
    maxmem: 128 * blockSize * (cost + parallelism + 2) + MIB,
  })
  return digest.toString('base64')
}

function parse(encoded: string): ScryptHash | undefined {
  const match = matchEncoded(PATTERN, encoded)
  if (!match) return undefined
  const [cost, salt = '', blockSize, parallelism, digest = ''] = match
  return { cost: Number(cost), salt, blockSize: Number(blockSize), parallelism: Number(parallelism), digest }
}

function isAffordable({ cost, blockSize, parallelism }: ScryptHash): boolean {
  const memory = 128 * cost * blockSize
  // The algorithm's own rule for N: a power of two, less than 2^(16r).
  const exponent = Math.log2(cost)
  const isPossible = Number.isInteger(exponent) && exponent > 0 && exponent < 16 * blockSize
  return (
    isPossible && memory <= MAX_MEMORY && parallelism <= MAX_PARALLELISM && memory * parallelism <= MAX_WORK
  )
}
