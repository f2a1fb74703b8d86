/** Reads a JSON body (RFC 8259), stricter than JSON.parse: one meaning for every reader, or none. */
import { isUtf8 } from 'node:buffer'
import { ProblemError } from '../errors.js'

/** No body of this API is deeper than three levels. */
const MAX_DEPTH = 32

const QUOTE = 0x22
const BACKSLASH = 0x5c
const COLON = 0x3a
const [OPENING_BRACKET, OPENING_BRACE] = [0x5b, 0x7b]
const [CLOSING_BRACKET, CLOSING_BRACE] = [0x5d, 0x7d]

const malformed = (detail: string) => new ProblemError('parse_error', { detail })

/**
 * @throws `parse_error` where the bytes are not UTF-8, are no JSON, repeat a key (readers differ in which one they
 *   take), or nest deeper than 32 levels. The detail never quotes the body, which may hold a password.
 */
export function parseJson(bytes: Buffer): unknown {
  if (!isUtf8(bytes)) throw malformed('The body is not UTF-8.')
  const keys = countKeys(bytes)
  let value: unknown
  try {
    value = JSON.parse(bytes.toString('utf8'))
  } catch {
    throw malformed('The body is not valid JSON.')
  }
  if (keys !== keysOf(value)) throw malformed('The body repeats a key.')
  return value
}

/** How many keys the text writes: the colons outside of strings. */
function countKeys(bytes: Buffer): number {
  let keys = 0
  let depth = 0
  let inString = false
  for (let index = 0; index < bytes.length; index++) {
    const byte = bytes[index]!
    if (inString) {
      if (byte === BACKSLASH) index++
      else if (byte === QUOTE) inString = false
    } else if (byte === QUOTE) inString = true
    else if (byte === COLON) keys++
    else if (byte === OPENING_BRACE || byte === OPENING_BRACKET) {
      if (++depth > MAX_DEPTH) throw malformed('The body is nested too deep.')
    } else if (byte === CLOSING_BRACE || byte === CLOSING_BRACKET) depth--
  }
  return keys
}

/** How many keys were read. */
function keysOf(value: unknown): number {
  if (typeof value !== 'object' || value === null) return 0
  let keys = 0
  if (Array.isArray(value)) {
    for (const item of value) keys += keysOf(item)
    return keys
  }
  // What was parsed has no properties but its own.
  for (const name in value) keys += 1 + keysOf(value[name as keyof typeof value])
  return keys
}
