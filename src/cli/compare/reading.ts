/** Whether there is anything to compare: both sides must show the same user as JSON. */
import { CommandError } from '../failure.js'
import { isObject } from './differences.js'
import { type Answer, type Request, send, type Side, type Sides } from './exchange.js'
import { type Fields, patchUser, readUser } from './requests.js'

const VARIABLE = { Django: 'DJANGO_AUTHORIZATION', 'the service': 'SERVICE_AUTHORIZATION' } as const

/**
 * The id of the user whom the service takes the caller for.
 * @throws CommandError where that is no such service, or does not take the credentials
 */
export async function readCaller(service: Side, timeoutMs: number): Promise<number> {
  const request = { name: 'the caller', method: 'GET', path: '/me/' }
  const answer = await send(service, request, timeoutMs)
  const { user } = readObject(service, request, answer) as { user?: { id?: unknown } }
  if (typeof user?.id === 'number') return user.id
  throw new CommandError(
    `${service.base}/me/ does not tell who calls: is it the URL of the service, with its PREFIX?`,
  )
}

/** A user as both sides show it. */
export interface Reading {
  /** How it was read. */
  request: Request
  django: Fields
  service: Fields
  /** The service's: it tells whether anything has changed, the password included. */
  etag: string | undefined
}

/**
 * Reads a user: where Django's view can't be read, by a PATCH that is empty.
 * @throws CommandError where a side does not show it
 */
export async function readUserOn(
  { django, service }: Sides,
  id: number,
  timeoutMs: number,
): Promise<Reading> {
  const read = readUser(id)
  const first = await send(django, read, timeoutMs)
  const request = first.status === 405 ? patchUser(id, 'read by an empty PATCH', {}) : read
  const theirs = first.status === 405 ? await send(django, request, timeoutMs) : first
  const ours = await send(service, request, timeoutMs)
  return {
    request,
    django: readObject(django, request, theirs),
    service: readObject(service, request, ours),
    etag: ours.etag,
  }
}

function readObject(side: Side, { method, path }: Request, answer: Answer): Fields {
  if (answer.status === 200 && isObject(answer.body)) return answer.body
  const what = `${method} ${side.base}${path}`
  throw new CommandError(`${side.name} answers ${what} with ${describe(answer)}. ${advice(side, answer)}`)
}

function describe({ status, kind, location }: Answer): string {
  if (location !== undefined) return `a redirect (${status}) to ${location}`
  return `${status} and ${{ json: 'JSON', html: 'HTML', text: 'a text that is no JSON', empty: 'no body' }[kind]}`
}

function advice(side: Side, { status, location }: Answer): string {
  if (location !== undefined)
    return 'Give the URL that it leads to, if that is the API and not a page to log in.'
  if (status === 401 || status === 403)
    return `Check ${VARIABLE[side.name]}: its user must be active, staff, and allowed to read users.`
  if (status === 404)
    return 'Check the URL, which is what comes before /users/, and whether that user exists.'
  if (status >= 500) return 'Its log says why.'
  return 'Check the URL, which is what comes before /users/.'
}
