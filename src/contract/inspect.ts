/** What must hold for every single answer, whatever was asked. */
import type { Answer, Exchange } from './http.js'
import type { PublishedDocument, Schema } from './document.js'

/** Answers of HTTP itself, which no operation lists. */
const PROTOCOL_STATUSES = new Set([408, 414, 431])

const PROBLEM_MEDIA_TYPE = 'application/problem+json'

/** A header that a status demands (RFC 9110, RFC 5789). */
const DUE_HEADERS: Record<number, string> = {
  401: 'www-authenticate',
  405: 'allow',
  415: 'accept-patch',
  503: 'retry-after',
}

/** What every one of Django's hashers stores, and an API key. */
const SECRETS = [
  /argon2(?:id|i|d)\$/,
  /\$argon2/,
  /(?:pbkdf2_\w+|scrypt)\$\d/,
  /bcrypt\w*\$\$?2/,
  /\$2[aby]\$/,
  /(?:sha1|md5)\$\w*\$[0-9a-f]{32}/,
  /![A-Za-z0-9]{40}/,
  /uak_[\w-]{43}/,
]

const UTC = /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(?:\.\d{6})?Z$/

/** Everything that an answer does otherwise than the document says. */
export function inspect(document: PublishedDocument, request: Exchange, answer: Answer): string[] {
  const found = [
    ...bodyViolations(document, request, answer),
    ...headerViolations(answer),
    ...documentedHeaderViolations(document, request, answer),
    ...SECRETS.filter((secret) => secret.test(answer.text)).map((secret) => `shows a secret: ${secret}`),
  ]
  if (request.method !== 'HEAD' && isProblem(answer)) found.push(...problemViolations(document, answer))
  for (const user of usersIn(answer.body)) found.push(...userViolations(user))
  const what = `${request.method} ${request.path.slice(0, 100)} → ${answer.status}`
  return found.map((violation) => `${what}: ${violation}`)
}

function bodyViolations(document: PublishedDocument, { method, path }: Exchange, answer: Answer): string[] {
  const schemas = documented(document, method, path, answer.status)
  if (schemas === undefined) return ['is not documented']
  if (isMinimalCreation(answer)) return answer.text === '' ? [] : ['has a body']
  if (method === 'HEAD') return answer.text === '' ? [] : ['has a body']
  const mediaType = mediaTypeOf(answer)
  if (schemas === 'nothing') return answer.text === '' ? [] : ['has a body']
  const media = schemas[mediaType]
  if (media === undefined) return [`is of the media type ${mediaType}`]
  const value = mediaType.endsWith('json') ? answer.body : answer.text
  return document.violations(media.schema, value)
}

/** What a creation is answered with `return=minimal`: its status has no other way to say so. */
const isMinimalCreation = ({ status, headers }: Answer): boolean =>
  status === 201 && (headers['preference-applied'] ?? '').includes('return=minimal')

type Documented = Record<string, { schema: Schema }> | 'nothing' | undefined

function documented(document: PublishedDocument, method: string, path: string, status: number): Documented {
  const problem = { [PROBLEM_MEDIA_TYPE]: { schema: document.schema('Problem') } }
  const operation = document.find(method, path)
  if (operation !== undefined && !PROTOCOL_STATUSES.has(status)) {
    const response = operation.responses[status]
    return response === undefined ? undefined : (response.content ?? 'nothing')
  }
  if (status >= 400) return problem
  return method === 'OPTIONS' && status < 300 ? 'nothing' : undefined
}

function headerViolations({ status, headers }: Answer): string[] {
  const due = DUE_HEADERS[status]
  const found = due !== undefined && !headers[due] ? [`lacks the header ${due}`] : []
  if (status >= 500 && status !== 503) found.push('is a defect of the service')
  if (headers['content-type'] && !/;\s*charset=utf-8$/i.test(headers['content-type']))
    found.push('names no charset')
  if (status === 503 && !/^[1-9]\d*$/.test(headers['retry-after'] ?? ''))
    found.push('Retry-After is no number')
  return found
}

/** Those that are promised always are there; those that are there are what their schemas say. */
function documentedHeaderViolations(
  document: PublishedDocument,
  { method, path }: Exchange,
  { status, headers }: Answer,
): string[] {
  const published = document.find(method, path)?.responses[status]?.headers ?? {}
  return Object.entries(published).flatMap(([name, { required, schema }]) => {
    const value = headers[name]
    if (value === undefined) return required ? [`lacks the documented header ${name}`] : []
    return document.violations(schema, value).map((violation) => `has a header ${name} that ${violation}`)
  })
}

function problemViolations(document: PublishedDocument, { status, headers, body }: Answer): string[] {
  const found: string[] = []
  if (typeof body !== 'object' || body === null) return ['is no problem']
  if (body.status !== status) found.push(`says that its status is ${body.status}`)
  if (!String(body.type).endsWith(`${document.pathOf('listProblems')}#${body.code}`))
    found.push(`has the type ${body.type}`)
  if (headers['x-request-id'] !== undefined && headers['x-request-id'] !== body.request_id) {
    found.push('names another request than its header')
  }
  const isSaid = [body.detail, body.errors].some((member) => member !== undefined)
  if (!isSaid) found.push('does not say what happened')
  if (body.code === 'invalid' && body.errors !== undefined && body.detail !== undefined)
    found.push('says what is wrong twice')
  return found
}

/** Beyond the schema's `date-time`: in UTC, with no digits of the second or with six. */
const userViolations = (user: Record<string, unknown>): string[] =>
  ['last_login', 'date_joined']
    .filter((field) => user[field] !== null && !UTC.test(String(user[field])))
    .map((field) => `${field} is not in UTC: ${user[field]}`)

/** A user, those of a list, and those of a bulk answer. */
const usersIn = (body: any): Record<string, unknown>[] =>
  [body, body?.user, ...[body?.results ?? []].flat().flatMap((item) => [item, item?.user])].filter(isUser)

const isUser = (body: unknown): body is Record<string, unknown> =>
  typeof body === 'object' && body !== null && 'date_joined' in body && 'last_login' in body && 'id' in body

const isProblem = (answer: Answer) => answer.status >= 400

export const mediaTypeOf = ({ headers }: Answer): string =>
  (headers['content-type'] ?? '').split(';', 1)[0]!.trim().toLowerCase()
