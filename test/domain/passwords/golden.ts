import { readFileSync } from 'node:fs'

interface GoldenHash {
  algorithm: string
  password: string
  encoded: string
}

/** Passwords and stored hashes as Django's own hashers made them. */
export const goldenHashes: GoldenHash[] = JSON.parse(
  readFileSync(new URL('../../data/golden-hashes.json', import.meta.url), 'utf8'),
)

/** One golden hash of an algorithm. */
export function goldenOf(algorithm: string): GoldenHash {
  const found = goldenHashes.find((golden) => golden.algorithm === algorithm)
  if (!found) throw new Error(`No golden hash of ${algorithm}`)
  return found
}
