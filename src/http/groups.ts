/** From the body of a request to a change of a group, and its answer: the same for a new one, a change and a replacement. */
import type { FastifyReply, FastifyRequest } from 'fastify'
import type { Group, GroupUpdate, PatchOperation } from '../../schemas/index.js'
import {
  type CheckedBody,
  type CheckedList,
  forgiveStored,
  idFaults,
  isNoObject,
  without,
} from '../domain/accept-update.js'
import { findGroupFaults, type GroupRequest, writeGroupChange } from '../domain/change-groups.js'
import { GROUP_WRITABLE, type GroupChange } from '../domain/decide-group.js'
import { readGroup } from '../db/groups.js'
import { invalid, ProblemError } from '../errors.js'
import { READ_GROUPS } from './access.js'
import { type Answer, changeAnswer } from './answers.js'
import type { Context } from './context.js'
import { perform } from './idempotency.js'
import { creationPrecondition, preconditionOf } from './preconditions.js'
import { callerOf, JSON_PATCH_MEDIA_TYPE, patchIn } from './route.js'
import { completed, lenient, lookingAgain, readPatch } from './updates.js'

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
): Promise<Answer> {
  const isNew = target === 'new'
  const isPatch = request.mediaType === JSON_PATCH_MEDIA_TYPE
  const { wanted, change } = isPatch
    ? readRevision(context, request, reply, isNew ? undefined : target.id)
    : await readChange(context, request, reply, target, defaults)
  const write = () =>
    perform(context, request, async (transaction) => {
      const outcome = await writeGroupChange(transaction, wanted, change)
      if ('problem' in outcome) return outcome
      const { group } = outcome
      const current = { etag: context.groupTags.of(group), body: group }
      const made = { location: `${request.server.prefix}/groups/${group.id}/` }
      return changeAnswer(request, reply, current, isNew ? made : {})
    })
  return lookingAgain(write)
}

/** Who wants something of which group, and on which condition. */
function requestFor(
  context: Context,
  request: FastifyRequest,
  id: number | undefined,
  { isPositional = false } = {},
): GroupRequest {
  const common = { caller: callerOf(request), requestId: request.id }
  const tags = context.groupTags
  if (id === undefined) return { ...common, precondition: creationPrecondition(request, tags, READ_GROUPS) }
  const requires = context.requireIfMatch
  return {
    ...common,
    id,
    precondition: preconditionOf(request, tags, { requires, isPositional, readers: READ_GROUPS }),
  }
}

interface ReadyChange {
  wanted: GroupRequest
  change: GroupChange
}

async function readChange(
  context: Context,
  request: FastifyRequest,
  reply: FastifyReply,
  target: GroupTarget,
  defaults: object,
): Promise<ReadyChange> {
  const id = target === 'new' ? undefined : target.id
  const wanted = requestFor(context, request, id)
  const body = completed(
    lenient(request, reply, patchIn(request) as CheckedBody<GroupUpdate>, isGroupField),
    defaults,
  )
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
  return { wanted, change: { sent, patch: values } }
}

function readRevision(
  context: Context,
  request: FastifyRequest,
  reply: FastifyReply,
  id: number | undefined,
): ReadyChange {
  const target = {
    fields: ['id', ...GROUP_WRITABLE],
    sets: ['permissions'],
    check: (values: object) => {
      const checked = context.checkGroup(values)
      return { ...checked, faults: [...checked.faults, ...idFaults(id, checked)] }
    },
  }
  const patch = readPatch(request, reply, patchIn(request) as CheckedList<PatchOperation>, target)
  if (id === undefined) throw new ProblemError('not_found')
  const { isPositional } = patch
  return {
    wanted: requestFor(context, request, id, { isPositional }),
    change: { sent: {}, patch: {}, revision: patch },
  }
}

const isGroupField = (name: string) => name === 'id' || (GROUP_WRITABLE as readonly string[]).includes(name)

/** Without faults of fields that are stored just so. */
const forgiven = (checked: CheckedBody<GroupUpdate>, stored: Group | undefined): CheckedBody<GroupUpdate> =>
  stored === undefined || isNoObject(checked) ? checked : forgiveStored(checked, stored)
