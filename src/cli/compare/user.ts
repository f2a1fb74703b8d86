/** Compares what both sides answer about one user, without changing it. */
import { isDeepStrictEqual } from 'node:util'
import { CommandError } from '../failure.js'
import { refusedFields } from './differences.js'
import type { Request } from './exchange.js'
import type { Reading } from './reading.js'
import type { Finding } from './report.js'
import { faultyRequests, patchUser, refusedRequests, unchangedFields, WRONG_TYPES } from './requests.js'

/** Sends a request to both sides, and reports what differs. */
export type Ask = (request: Request) => Promise<Finding>

/**
 * @param read reads the user, as it is at that moment
 * @throws CommandError where the user is not as it was before
 */
export async function compareUser(id: number, read: () => Promise<Reading>, ask: Ask): Promise<void> {
  const before = await read()
  await ask(before.request)
  await ask(patchUser(id, 'an empty PATCH', {}))
  await ask(patchUser(id, 'what was read, sent back', unchangedFields(before.django, before.service)))
  const { django, service } = await ask(patchUser(id, 'every field of a wrong type', WRONG_TYPES))
  const ours = refusedFields(service)
  const refused = refusedFields(django).filter((field) => field in WRONG_TYPES && ours.includes(field))
  for (const request of [...faultyRequests(id, refused), ...refusedRequests(id, before.request)])
    await ask(request)
  assertUnchanged(id, before, await read())
}

function assertUnchanged(id: number, before: Reading, after: Reading): void {
  if (before.etag === after.etag && isDeepStrictEqual(before.service, after.service)) return
  const changed = Object.keys(after.service).filter(
    (name) => !isDeepStrictEqual(before.service[name], after.service[name]),
  )
  throw new CommandError(
    `User ${id} is not as it was: ${changed.join(', ') || 'its password'} changed meanwhile. Somebody else did that, or code of ` +
      'the Django project when the user was saved. Look at it before you go on.',
  )
}
