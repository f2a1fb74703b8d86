/** Preferences of a request (RFC 7240). */
import type { FastifyReply, FastifyRequest } from 'fastify'

/** What is understood; anything else is passed over, as the RFC says. */
export interface Preferences {
  /** Unknown fields are dropped instead of refused. */
  isLenient: boolean
  returns?: 'minimal' | 'representation' | undefined
}

const NONE: Preferences = { isLenient: false }

/** A token, and a value that may be quoted. Parameters mean nothing here. */
const PREFERENCE = /^\s*([\w!#$%&'*+.^`|~-]+)\s*(?:=\s*(?:"((?:[^"\\]|\\.)*)"|([^\s;"]*)))?\s*(?:;|$)/

/** The elements of a list, commas in quotation marks included. By hand: each step goes on. */
function elementsOf(list: string): string[] {
  const elements = ['']
  let isQuoted = false
  for (let index = 0; index < list.length; index++) {
    const character = list[index]!
    if (character === ',' && !isQuoted) {
      elements.push('')
      continue
    }
    if (character === '"') isQuoted = !isQuoted
    elements[elements.length - 1] += character
    if (character === '\\' && isQuoted) elements[elements.length - 1] += list[++index] ?? ''
  }
  return elements
}

const known = new WeakMap<FastifyRequest, Preferences>()

/** What a request prefers. Of a preference that is given twice the first counts. */
export function preferencesOf(request: FastifyRequest): Preferences {
  const { prefer } = request.headers
  if (prefer === undefined) return NONE
  const preferences = known.get(request) ?? readPreferences(String(prefer))
  known.set(request, preferences)
  return preferences
}

function readPreferences(header: string): Preferences {
  const given = new Map<string, string>()
  for (const element of elementsOf(header)) {
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
  if (request.headers.prefer === undefined) return {}
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
