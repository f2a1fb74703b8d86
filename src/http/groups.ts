/** From the body of a request to a change of a group: the same for a new one, a change and a replacement. */
import type { FastifyReply, FastifyRequest } from 'fastify'
import type { Group, GroupUpdate } from '../../schemas/index.js'
import { type CheckedBody, forgiveStored, idFaults, isNoObject, without } from '../domain/accept-update.js'
import { findGroupFaults, type GroupRequest, writeGroupChange } from '../domain/change-groups.js'
import { GROUP_WRITABLE } from '../domain/decide-group.js'
import { readGroup } from '../db/groups.js'
import { invalid, ProblemError } from '../errors.js'
import type { Context } from './context.js'
import { callerOf } from './route.js'
import { completed, lenient } from './updates.js'

/** Which group: a new one, or that of the URL, whose id may be none. */
export type GroupTarget = 'new' | { id: number | undefined }

/**
 * Makes a group, or changes one.
 * @param defaults what absent fields are, where a whole group is written
 * @throws ProblemError where it is refused; `invalid` with every fault
 */
export async function changeGroup(
  context: Context,
  request: FastifyRequest,
  reply: FastifyReply,
  target: GroupTarget,
  { defaults = {} }: { defaults?: object } = {},
): Promise<Group> {
  const id = target === 'new' ? undefined : target.id
  const wanted: GroupRequest = {
    caller: callerOf(request),
    requestId: request.id,
    ...(id === undefined ? {} : { id }),
  }
  const body = completed(lenient(request, reply, request.body as CheckedBody<GroupUpdate>, isKnown), defaults)
  const checked = { ...body, faults: [...body.faults, ...idFaults(id, body)] }
  const isFaulty = checked.faults.length > 0
  const stored = isFaulty && id !== undefined ? await readGroup(context.database, id) : undefined
  const { sent, values, faults } = forgiven(checked, stored)
  // Where nothing is at fault, the change itself finds out.
  const isAbsent = target !== 'new' && stored === undefined && (isFaulty || id === undefined)
  // A fault of the body is one for any group.
  if (faults.length > 0 && (isAbsent || isNoObject({ faults }))) throw invalid(faults)
  if (isAbsent) throw new ProblemError('not_found')
  if (faults.length > 0) {
    const change = { sent, patch: without(values, faults) }
    const others = await context.database.transaction((transaction) =>
      findGroupFaults(transaction, wanted, change),
    )
    throw invalid([...faults, ...others])
  }
  const outcome = await context.database.transaction((transaction) =>
    writeGroupChange(transaction, wanted, { sent, patch: values }),
  )
  if ('problem' in outcome) throw outcome.problem
  return outcome.group
}

const isKnown = (name: string) => name === 'id' || (GROUP_WRITABLE as readonly string[]).includes(name)

/** Without faults of fields that are stored just so. */
const forgiven = (checked: CheckedBody<GroupUpdate>, stored: Group | undefined): CheckedBody<GroupUpdate> =>
  stored === undefined || isNoObject(checked) ? checked : forgiveStored(checked, stored)
