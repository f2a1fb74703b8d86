/** From the body of a request to a change of a group: the same for a new one, a change and a replacement. */
import type { FastifyReply, FastifyRequest } from 'fastify'
import type { Group, GroupUpdate } from '../../schemas/index.js'
import { type CheckedBody, forgiveStored, idFaults, isNoObject, without } from '../domain/accept-update.js'
import { findGroupFaults, type GroupRequest, writeGroupChange } from '../domain/change-groups.js'
import { GROUP_WRITABLE } from '../domain/decide-group.js'
import { readGroup } from '../db/groups.js'
import { invalid } from '../errors.js'
import type { Context } from './context.js'
import { callerOf } from './route.js'
import { completed, lenient } from './updates.js'

/**
 * Makes a group, or changes one.
 * @param id undefined for one that is to be made
 * @param defaults what absent fields are, where a whole group is written
 * @throws ProblemError where it is refused; `invalid` with every fault
 */
export async function changeGroup(
  context: Context,
  request: FastifyRequest,
  reply: FastifyReply,
  id: number | undefined,
  { defaults = {} }: { defaults?: object } = {},
): Promise<Group> {
  const wanted: GroupRequest = {
    caller: callerOf(request),
    requestId: request.id,
    ...(id === undefined ? {} : { id }),
  }
  const body = lenient(request, reply, request.body as CheckedBody<GroupUpdate>, isKnown)
  const { sent, values, faults } = await forgiven(context, id, completed(body, defaults))
  if (isNoObject({ faults })) throw invalid(faults)
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
async function forgiven(
  context: Context,
  id: number | undefined,
  body: CheckedBody<GroupUpdate>,
): Promise<CheckedBody<GroupUpdate>> {
  const checked = { ...body, faults: [...body.faults, ...idFaults(id, body)] }
  if (checked.faults.length === 0 || id === undefined || isNoObject(checked)) return checked
  const stored = await readGroup(context.database, id)
  return stored === undefined ? checked : forgiveStored(checked, stored)
}
