/** API keys: 256 random bits, shown once, and stored as a hash. */
import { hash, randomBytes } from 'node:crypto'

/** What every key looks like. The prefix lets scanners for leaked secrets recognise it. */
export const API_KEY = /^uak_[\w-]{43}$/

/** Characters of a key that are kept in the clear, to recognise it by: the prefix and 24 of the 256 bits. */
const VISIBLE = 8

/** Makes a key. */
export const makeApiKey = (): string => `uak_${randomBytes(32).toString('base64url')}`

/** What is stored of a key, in hex. A plain hash is enough, since nobody can guess 256 bits. */
export const hashApiKey = (key: string): string => hash('sha256', key, 'hex')

/** What is shown of a key in lists. */
export const visiblePrefix = (key: string): string => key.slice(0, VISIBLE)
