/** How the texts of settings are read. Each throws an Error that says what is wanted. */
import { isIP } from 'node:net'
import { PATCH_REQUIRABLE, type PatchRequirable } from '../../schemas/index.js'
import { readDatabaseUrl } from '../db/database-url.js'

export const integer = (minimum: number, maximum: number) => (text: string) => {
  const value = Number(text)
  if (/^\d{1,10}$/.test(text) && value >= minimum && value <= maximum) return value
  throw new Error(`must be a whole number from ${minimum} to ${maximum}`)
}

export const oneOf =
  <const T extends string>(...values: T[]) =>
  (text: string): T => {
    const value = values.find((candidate) => candidate === text)
    if (value !== undefined) return value
    throw new Error(`must be ${values.join(' or ')}`)
  }

export const flag = (text: string): boolean => {
  if (/^(?:on|true|yes|1)$/i.test(text)) return true
  if (/^(?:off|false|no|0)$/i.test(text)) return false
  throw new Error('must be on or off')
}

export const text = (value: string) => value

export const databaseUrl = (value: string): string => {
  readDatabaseUrl(value)
  return value
}

export const patchRequired = (value: string): PatchRequirable[] =>
  value
    .split(',')
    .map((name) => name.trim())
    .filter((name) => name !== '')
    .map((name) => {
      const known = PATCH_REQUIRABLE.find((candidate) => candidate === name)
      if (known === undefined)
        throw new Error(`may name ${PATCH_REQUIRABLE.join(' and ')}, separated by a comma`)
      return known
    })

export const prefix = (value: string): string => {
  if (/^(?:\/[\w.~-]+)+$/.test(value)) return value
  throw new Error('must be a path like /admin')
}

export const matching = (pattern: RegExp, wanted: string) => (value: string) => {
  if (pattern.test(value)) return value
  throw new Error(`must be ${wanted}`)
}

/** Several of a few words. */
export const someOf =
  <const T extends string>(...values: T[]) =>
  (text: string): T[] =>
    words(text).map(oneOf(...values))

const words = (text: string): string[] => text.split(/[\s,]+/).filter((word) => word !== '')

/** A URL that secrets or trust go over: in plain HTTP only on this machine. */
export const secureUrl = (value: string): string => {
  const url = URL.canParse(value) ? new URL(value) : undefined
  const isLocal = /^(?:localhost|127\.\d+\.\d+\.\d+|\[::1\])$/.test(url?.hostname ?? '')
  if (url?.protocol === 'https:' || (url?.protocol === 'http:' && isLocal)) return value
  throw new Error('must be a URL with https (http on this machine alone)')
}

/** Of a server that paths are appended to. */
export const baseUrl = (value: string): string => {
  const url = URL.canParse(value) ? new URL(value) : undefined
  if (/^https?:$/.test(url?.protocol ?? '') && url?.search === '' && url.hash === '')
    return value.replace(/\/+$/, '')
  throw new Error('must be a URL with http or https, and no query')
}

/** `scope=permission,permission`, with a space between scopes. */
export const scopes = (text: string): Record<string, string[]> =>
  Object.fromEntries(
    text
      .trim()
      .split(/\s+/)
      .map((part) => {
        const [, scope, permissions] = /^([^=\s"\\]+)=([\w.,]+)$/.exec(part) ?? []
        const names = (permissions ?? '').split(',')
        if (scope === undefined || !names.every((name) => /^\w+\.\w+$/.test(name)))
          throw new Error(
            'must be like directory.read=auth.view_user,auth.view_group directory.write=auth.change_user',
          )
        return [scope, names]
      }),
  )

/** IP addresses, and networks as `address/bits`. Never everybody: whoever is trusted may say any address. */
export const addresses = (text: string): string[] => words(text).map(address)

function address(word: string): string {
  const [ip = '', bits, ...more] = word.split('/')
  const family = isIP(ip)
  const widest = family === 4 ? 32 : 128
  const isNetwork =
    bits === undefined || (/^\d{1,3}$/.test(bits) && Number(bits) >= 1 && Number(bits) <= widest)
  if (family !== 0 && isNetwork && more.length === 0) return word
  throw new Error('must be addresses or networks of proxies, such as 127.0.0.1 or 10.0.0.0/8')
}
