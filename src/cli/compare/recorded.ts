/** A client's own requests, one JSON object a line. */
import { readFile } from 'node:fs/promises'
import { CommandError } from '../failure.js'
import { isObject } from './differences.js'
import type { Request } from './exchange.js'

/** Headers that are ours to send: credentials come from the environment, and the rest from fetch. */
const OWN_HEADERS = [
  'authorization',
  'cookie',
  'host',
  'content-length',
  'transfer-encoding',
  'connection',
  'keep-alive',
  'expect',
  'upgrade',
]

const METHODS = ['GET', 'HEAD', 'OPTIONS', 'POST', 'PUT', 'PATCH', 'DELETE']

/**
 * Reads the whole file before anything is sent, since the requests write.
 * @param base the URL of Django: paths may be written with what it has before `/users/`
 * @throws CommandError that names the line and what is wrong with it; nothing of the line is quoted
 */
export async function readRequests(file: string, base: string): Promise<Request[]> {
  const text = await readFile(file, 'utf8').catch(({ code }: NodeJS.ErrnoException) => {
    throw new CommandError(`${file} can't be read: ${code}`)
  })
  const lines = text.split('\n').map((line, index) => ({ line, place: `${file}, line ${index + 1}` }))
  return lines
    .filter(({ line }) => line.trim() !== '')
    .map(({ line, place }) => readRequest(line, place, new URL(base).pathname))
}

function readRequest(line: string, place: string, prefix: string): Request {
  const fail = (what: string): never => {
    throw new CommandError(`${place}: ${what}`)
  }
  const given = parse(line)
  if (!isObject(given)) return fail('it must be a JSON object')
  const { method, path, name = `${method} ${path}`, headers = {}, body } = given
  if (typeof method !== 'string' || !METHODS.includes(method))
    return fail(`"method" must be one of ${METHODS.join(', ')}`)
  if (typeof path !== 'string' || !isSentAsItIs(path))
    return fail('"path" must begin with /, and be encoded, without segments like ..')
  if (typeof name !== 'string') return fail('"name" must be a text')
  const sent = readHeaders(headers) ?? fail('"headers" must be an object of names and texts that HTTP allows')
  const request: Request = {
    name,
    method,
    path: prefix !== '/' && path.startsWith(`${prefix}/`) ? path.slice(prefix.length) : path,
    headers: sent,
  }
  if (body === undefined || body === null) return request
  if (['GET', 'HEAD'].includes(method)) return fail(`a ${method} has no "body"`)
  return { ...request, body: typeof body === 'string' ? body : JSON.stringify(body) }
}

const ORIGIN = 'http://host'

/** fetch tidies URLs up: what it would change would reach something else. */
const isSentAsItIs = (path: string) =>
  path.startsWith('/') && !path.includes('#') && new URL(ORIGIN + path).href === ORIGIN + path

function parse(line: string): unknown {
  try {
    return JSON.parse(line)
  } catch {
    return undefined
  }
}

function readHeaders(given: unknown): Headers | undefined {
  try {
    const headers = new Headers(given as Record<string, string>)
    for (const name of OWN_HEADERS) headers.delete(name)
    return headers
  } catch {
    return undefined
  }
}
