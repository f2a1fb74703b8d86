/**
 * The URL of a database as libpq reads it, so that services of both kinds may share one: also with several hosts, of which
 * neither `URL` nor node-postgres knows.
 */
const PARTS = /^(postgres(?:ql)?:\/\/(?:[^/?#]*@)?)([^/?#]*)([^]*)$/
const HOST = /^(?:\[[\da-f:.]+\]|[^:[\]\s,%]+)(?::(\d{1,5}))?$/i

/** Which servers will do: those that any connection can be made to, that take changes, that replicate nobody. */
const TARGETS = ['any', 'read-write', 'primary'] as const
export type Target = (typeof TARGETS)[number]

export interface DatabaseUrl {
  /** A URL for each server, in the order in which they are tried. */
  servers: readonly string[]
  target: Target
}

/** @throws Error that says what is wanted, and quotes nothing of it */
export function readDatabaseUrl(value: string): DatabaseUrl {
  const [head, hosts, tail] = split(value)
  const named = hosts.split(',')
  if (named.length > 1) named.forEach(assertHost)
  const urls = named.map((host) => parse(head + host + tail))
  const { searchParams } = urls[0]!
  return {
    servers: [...serversOf(value, urls)],
    target: targetOf(searchParams.get('target_session_attrs') ?? 'any'),
  }
}

function serversOf(value: string, urls: readonly URL[]): string[] {
  const { searchParams } = urls[0]!
  const [hosts = [], ports = []] = ['host', 'port'].map((name) => searchParams.get(name)?.split(','))
  if (urls.length > 1) {
    if (hosts.length + ports.length > 0) throw new Error('must name its hosts in one place')
    return urls.map(({ href }) => href)
  }
  if (hosts.length < 2 && ports.length < 2) return [value]
  if (hosts.length < 2) throw new Error('must have one port, or one for each host')
  return hosts.map((host, index) => withHost(urls[0]!, host, portFor(index, hosts, ports)))
}

function portFor(index: number, hosts: readonly string[], ports: readonly string[]): string | undefined {
  if (ports.length > 1 && ports.length !== hosts.length)
    throw new Error('must have one port, or one for each host')
  return ports.length > 1 ? ports[index] : ports[0]
}

function withHost(url: URL, host: string, port: string | undefined): string {
  if (host === '' || (port !== undefined && !isPort(port))) throw noHost()
  const one = new URL(url)
  one.searchParams.set('host', host)
  if (port !== undefined) one.searchParams.set('port', port)
  return one.href
}

/** The URL without its password, also where that is a parameter. */
export function hideSecrets(value: string): string {
  const [head, hosts, tail] = split(value)
  const url = parse(head + (hosts.includes(',') ? 'hosts' : hosts) + tail)
  if (url.password !== '') url.password = '********'
  for (const name of url.searchParams.keys()) {
    if (/password|sslkey/i.test(name)) url.searchParams.set(name, '********')
  }
  return hosts.includes(',')
    ? url.href.replace(/(?<=^\w+:\/\/(?:[^/?#]*@)?)hosts(?=[/?#]|$)/, hosts)
    : url.href
}

function split(value: string): [head: string, hosts: string, tail: string] {
  const [, head, hosts, tail] = PARTS.exec(value) ?? []
  if (head === undefined) throw noUrl()
  return [head, hosts!, tail!]
}

function parse(text: string): URL {
  if (!URL.canParse(text)) throw noUrl()
  return new URL(text)
}

function assertHost(text: string): void {
  const [found, port = '1'] = HOST.exec(text) ?? []
  if (found === undefined || !isPort(port)) throw noHost()
}

const isPort = (text: string) => /^\d{1,5}$/.test(text) && Number(text) >= 1 && Number(text) <= 65_535

function targetOf(text: string): Target {
  const target = TARGETS.find((candidate) => candidate === text)
  if (target !== undefined) return target
  throw new Error(
    `can't have this target_session_attrs: the service makes changes, so ${TARGETS.join(' or ')}`,
  )
}

const noUrl = () => new Error('must be a URL like postgresql://user:password@host:5432/database')
const noHost = () => new Error('must have several hosts like host1:5432,host2,[::1]:5433')
