/** Preferences of a request (RFC 7240). */
import type { FastifyReply, FastifyRequest } from 'fastify'

/** What is understood; anything else is passed over, as the RFC says. */
export interface Preferences {
  /** Unknown fields are dropped instead of refused. */
  isLenient: boolean
  returns?: 'minimal' | 'representation' | undefined
}

const NONE: Preferences = { isLenient: false }

/** A token with a value that may be quoted, and parameters, which mean nothing here. */
const PREFERENCE = /(?:^|,)\s*([\w!#$%&'*+.^`|~-]+)\s*(?:=\s*(?:"((?:[^"\\]|\\.)*)"|([^\s,;"]*)))?/g

/** What a request prefers. Of a preference that is given twice the first counts. */
export function preferencesOf({ headers: { prefer } }: FastifyRequest): Preferences {
  if (prefer === undefined) return NONE
  const given = new Map<string, string>()
  for (const [, name, quoted, bare] of [prefer].flat().join().matchAll(PREFERENCE)) {
    const key = name!.toLowerCase()
    if (!given.has(key)) given.set(key, (quoted ?? bare ?? '').toLowerCase())
  }
  const returns = given.get('return')
  return {
    isLenient: given.get('handling') === 'lenient',
    returns: returns === 'minimal' || returns === 'representation' ? returns : undefined,
  }
}

/** Says that a preference was followed. */
export function tellApplied(reply: FastifyReply, preference: string): void {
  add(reply, 'preference-applied', [preference])
}

/** Names the fields that were dropped, as pointers: a list of strings (RFC 9651). */
export function tellDropped(reply: FastifyReply, pointers: readonly string[]): void {
  add(reply, 'dropped-fields', pointers.slice(0, MAX_NAMED).map(quoted))
}

/** Adds to a list; what it has already stays in it once, as when a transaction is run again. */
function add(reply: FastifyReply, name: string, items: readonly string[]): void {
  const others = reply.getHeader(name)
  const all = new Set([...(typeof others === 'string' ? others.split(', ') : []), ...items])
  if (all.size > 0) reply.header(name, [...all].join(', '))
}

const MAX_NAMED = 100

/** Whatever a header can not hold is percent-encoded. */
const quoted = (text: string) =>
  `"${text.replace(/\p{Cs}/gu, '\ufffd').replace(/[^\x20-\x7e]|["\\%]/gu, encodeURIComponent)}"`
