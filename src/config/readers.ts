/** How the texts of settings are read. */
import { isIP } from 'node:net'
import { PATCH_REQUIRABLE, type PatchRequirable } from '../../schemas/limits.js'
import { readDatabaseUrl } from '../db/database-url.js'

/** @throws Error that says what is wanted */
export interface Reader<T> {
  (text: string): T
  /** What is wanted: "a whole number from 1 to 3". */
  takes: string
}

/** @param read undefined for a text that is not what is wanted */
const reader = <T>(takes: string, read: (text: string) => T | undefined): Reader<T> => {
  const checked = (text: string): T => {
    const value = read(text)
    if (value === undefined) throw new Error(`must be ${takes}`)
    return value
  }
  return Object.assign(checked, { takes })
}

export const integer = (minimum: number, maximum: number) =>
  reader(`a whole number from ${minimum} to ${maximum}`, (text) => {
    const value = Number(text)
    return /^\d{1,10}$/.test(text) && value >= minimum && value <= maximum ? value : undefined
  })

const either = new Intl.ListFormat('en', { type: 'disjunction' })

export const oneOf = <const T extends string>(...values: T[]) =>
  reader<T>(either.format(values), (text) => values.find((candidate) => candidate === text))

export const flag = reader('on or off', (text) => {
  if (/^(?:on|true|yes|1)$/i.test(text)) return true
  return /^(?:off|false|no|0)$/i.test(text) ? false : undefined
})

export const text = reader('a text', (value) => value)

export const databaseUrl = reader('a URL like postgresql://user:password@host:5432/database', (value) => {
  readDatabaseUrl(value)
  return value
})

export const patchRequired = reader<PatchRequirable[]>(
  `${PATCH_REQUIRABLE.join(', ')} or both, separated by a comma`,
  (value) => {
    const names = value
      .split(',')
      .map((name) => name.trim())
      .filter((name) => name !== '')
    return names.every(isPatchRequirable) ? names : undefined
  },
)

const isPatchRequirable = (name: string): name is PatchRequirable =>
  PATCH_REQUIRABLE.some((candidate) => candidate === name)

export const prefix = matching(/^(?:\/[\w.~-]+)+$/, 'a path like /admin')

export function matching(pattern: RegExp, wanted: string): Reader<string> {
  return reader(wanted, (value) => (pattern.test(value) ? value : undefined))
}

/** Several of a few words. */
export const someOf = <const T extends string>(...values: T[]) => {
  const one = oneOf(...values)
  return reader<T[]>(`some of ${values.join(', ')}`, (text) => words(text).map(one))
}

const words = (text: string): string[] => text.split(/[\s,]+/).filter((word) => word !== '')

/** A URL that secrets or trust go over: in plain HTTP only on this machine. */
export const secureUrl = reader('a URL with https (http on this machine alone)', (value) => {
  const url = URL.canParse(value) ? new URL(value) : undefined
  const isLocal = /^(?:localhost|127\.\d+\.\d+\.\d+|\[::1\])$/.test(url?.hostname ?? '')
  return url?.protocol === 'https:' || (url?.protocol === 'http:' && isLocal) ? value : undefined
})

/** Of a server that paths are appended to. */
export const baseUrl = reader('a URL with http or https, and no query', (value) => {
  const url = URL.canParse(value) ? new URL(value) : undefined
  const isBase = /^https?:$/.test(url?.protocol ?? '') && url?.search === '' && url.hash === ''
  return isBase ? value.replace(/\/+$/, '') : undefined
})

/** `scope=permission,permission`, with a space between scopes. */
export const scopes = reader(
  'like directory.read=auth.view_user,auth.view_group directory.write=auth.change_user',
  (text) => {
    const parts = text
      .trim()
      .split(/\s+/)
      .map((part) => /^([^=\s"\\]+)=([\w.,]+)$/.exec(part))
      .map((match) => [match?.[1], match?.[2]?.split(',') ?? []] as const)
    const isWell = parts.every(
      ([scope, names]) => scope !== undefined && names.every((name) => /^\w+\.\w+$/.test(name)),
    )
    return isWell ? (Object.fromEntries(parts) as Record<string, string[]>) : undefined
  },
)

/** IP addresses, and networks as `address/bits`. Never everybody: whoever is trusted may say any address. */
export const addresses = reader(
  'addresses or networks of proxies, such as 127.0.0.1 or 10.0.0.0/8',
  (text) => {
    const all = words(text)
    return all.every(isAddress) ? all : undefined
  },
)

function isAddress(word: string): boolean {
  const [ip = '', bits, ...more] = word.split('/')
  const family = isIP(ip)
  const widest = family === 4 ? 32 : 128
  const isNetwork =
    bits === undefined || (/^\d{1,3}$/.test(bits) && Number(bits) >= 1 && Number(bits) <= widest)
  return family !== 0 && isNetwork && more.length === 0
}
