/** Preferences of a request (RFC 7240). */
import type { FastifyReply, FastifyRequest } from 'fastify'

/** What is understood; anything else is passed over, as the RFC says. */
export interface Preferences {
  /** Unknown fields are dropped instead of refused. */
  isLenient: boolean
  returns?: 'minimal' | 'representation' | undefined
}

const NONE: Preferences = { isLenient: false }

/** One of a list, commas in quotation marks included. */
const ELEMENT = /(?:"(?:[^"\\]|\\.)*"|[^,"])+/g

/** A token, and a value that may be quoted. Parameters mean nothing here. */
const PREFERENCE = /^\s*([\w!#$%&'*+.^`|~-]+)\s*(?:=\s*(?:"((?:[^"\\]|\\.)*)"|([^\s;"]*)))?\s*(?:;|$)/

/** What a request prefers. Of a preference that is given twice the first counts. */
export function preferencesOf({ headers: { prefer } }: FastifyRequest): Preferences {
  if (prefer === undefined) return NONE
  const given = new Map<string, string>()
  for (const element of String(prefer).match(ELEMENT) ?? []) {
    const [, name = '', quoted, bare] = PREFERENCE.exec(element) ?? []
    const key = name.toLowerCase()
    if (!given.has(key)) given.set(key, (quoted ?? bare ?? '').toLowerCase())
  }
  const returns = given.get('return')
  return {
    isLenient: given.get('handling') === 'lenient',
    returns: returns === 'minimal' || returns === 'representation' ? returns : undefined,
  }
}

/**
 * Says that what is unknown was dropped, and names it by pointers: a list of strings (RFC 9651), as long as a header may well
 * be.
 */
export function tellLenient(reply: FastifyReply, dropped: readonly string[]): void {
  reply.header('preference-applied', 'handling=lenient')
  let list = ''
  for (const pointer of dropped) {
    const longer = list === '' ? quoted(pointer) : `${list}, ${quoted(pointer)}`
    if (longer.length > MAX_LENGTH) break
    list = longer
  }
  if (list !== '') reply.header('dropped-fields', list)
}

/** What an answer says of the preferences that were followed. */
export function followed(request: FastifyRequest, reply: FastifyReply): Record<string, string> {
  const { returns } = preferencesOf(request)
  const lenient = reply.getHeader('preference-applied')
  const dropped = reply.getHeader('dropped-fields')
  const applied = [lenient, returns && `return=${returns}`].filter((preference) => preference !== undefined)
  return {
    ...(applied.length > 0 && { 'preference-applied': applied.join(', ') }),
    ...(dropped !== undefined && { 'dropped-fields': String(dropped) }),
  }
}

/** Clients refuse more than some kilobytes of headers in all. */
const MAX_LENGTH = 4_000

/** Whatever a header can not hold is percent-encoded. */
const quoted = (text: string) =>
  `"${text.replace(/\p{Cs}/gu, '\ufffd').replace(/[^\x20-\x7e]|["\\%]/gu, encodeURIComponent)}"`
