import type { FastifyReply, FastifyRequest } from 'fastify'
import {
  FormatQuery,
  ref,
  type UserPath,
  UserPath as UserPathSchema,
  type UserUpdate,
} from '../../../schemas/index.js'
import {
  type CheckedBody,
  forgiveStored,
  parseId,
  updateFaults,
  without,
} from '../../domain/accept-update.js'
import { isMaskShaped } from '../../domain/passwords/mask.js'
import { isWritable, presentUser } from '../../domain/user.js'
import { invalid, ProblemError } from '../../errors.js'
import { clientOf } from '../client.js'
import type { Context } from '../context.js'
import { prefersLenient } from '../prefer.js'
import { answer, callerOf, BODY_PROBLEMS, defineRoute, problemAnswers } from '../route.js'

/** `PATCH /users/{id}/` */
export const updateUser = (context: Context) => {
  return defineRoute<{ Params: UserPath; Body: CheckedBody<UserUpdate> }>({
    schema: {
      operationId: 'updateUser',
      tags: ['users'],
      summary: 'Update Users',
      description:
        'Changes one user. Fields that are absent stay as they are; `groups` and `user_permissions` replace the ' +
        'whole set. A user that was read may be sent back as it is: that changes nothing.\n\n' +
        'A caller without superuser status can give only permissions that it holds itself, can not change its own ' +
        'privileges or a superuser, and can not take over an account that may do more than itself.\n\n' +
        'Unknown fields are refused; `Prefer: handling=lenient` drops them instead.',
      params: UserPathSchema,
      querystring: FormatQuery,
      body: ref(context.contract.UserUpdate),
      response: {
        200: answer('The user as it is now.', ref(context.contract.User)),
        ...problemAnswers([...BODY_PROBLEMS, 'not_found', 'last_superuser', 'busy']),
      },
    },

    confirmsCaller: true,

    async handler(request, reply) {
      const id = parseId(request.params.id)
      const body = lenient(request.headers.prefer, request.body, reply)
      body.faults.push(...updateFaults(id, body))
      const { sent, values } = body.faults.length === 0 ? body : await forgiven(request, id, body)
      if (id === undefined) throw new ProblemError('not_found')

      const caller = callerOf(request)
      const client = clientOf(reply)
      const { password } = values
      // Hashing is dear: not for somebody whose key was revoked meanwhile.
      if (isPlain(password) && !caller.isConfirmed) await context.callers.confirm(caller)
      // Before any lock is taken.
      const encodedPassword = isPlain(password) ? await context.encodePassword(password, client) : undefined
      const update = {
        caller,
        requestId: request.id,
        id,
        sent,
        patch: values,
        encodedPassword,
      }
      return presentUser(await context.updateUser(update, client))
    },
  })

  /**
   * A body with faults, without those fields that are stored just so.
   * @throws `invalid` with every other fault, those that only the database knows included
   */
  async function forgiven(request: FastifyRequest, id: number | undefined, body: CheckedBody<UserUpdate>) {
    const caller = callerOf(request)
    const stored = id === undefined ? undefined : await context.readUser(id, caller)
    if (stored === undefined || isNoObject(body)) throw invalid(body.faults)
    const rest = forgiveStored(body, stored)
    if (rest.faults.length === 0) return rest
    const { password, ...values } = without(rest.values, rest.faults)
    // A plain password is not worth hashing for a body that is refused.
    const patch = password === undefined || isPlain(password) ? values : { ...values, password }
    const update = { caller, requestId: request.id, id: stored.id, sent: body.sent, patch }
    throw invalid([...rest.faults, ...(await context.findFaults(update))])
  }
}

const isNoObject = ({ faults }: CheckedBody<UserUpdate>) => faults.some(({ pointer }) => pointer === '')

const isPlain = (password: string | undefined): password is string =>
  password !== undefined && !isMaskShaped(password)

/** Drops unknown fields where the caller prefers that (RFC 7240 `handling=lenient`). */
function lenient(
  prefer: unknown,
  body: CheckedBody<UserUpdate>,
  reply: FastifyReply,
): CheckedBody<UserUpdate> {
  if (!prefersLenient(prefer)) return body
  reply.header('preference-applied', 'handling=lenient')
  const known = Object.entries(body.values).filter(([name]) => name === 'id' || isWritable(name))
  return {
    sent: body.sent,
    values: Object.fromEntries(known) as UserUpdate,
    faults: body.faults.filter(({ code }) => code !== 'unknown'),
  }
}
