import type { FastifyReply } from 'fastify'
import { ref, type UserPath, UserPath as UserPathSchema, type UserUpdate } from '../../../schemas/index.js'
import { type CheckedBody, forgiveStored, parseId, updateFaults, without } from '../../domain/accept-update.js'
import { isMaskShaped } from '../../domain/passwords/mask.js'
import { presentUser } from '../../domain/user.js'
import { invalid, ProblemError } from '../../errors.js'
import type { Context } from '../context.js'
import { prefersLenient } from '../prefer.js'
import { actorOf, answer, BODY_PROBLEMS, defineRoute, problemAnswers } from '../route.js'

/** `PATCH /users/{id}/` */
export const updateUser = (context: Context) => {
  /** Takes out what is at fault but stored so already. @throws `invalid` where anything else is at fault */
  const withoutStored = async (body: CheckedBody<UserUpdate>, id: number | undefined) => {
    const stored = id === undefined ? undefined : await context.readUser(id)
    const rest = stored === undefined ? body : forgiveStored(body, stored)
    if (rest.faults.length > 0) throw invalid(rest.faults)
    return rest
  }

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
      body: ref(context.contract.UserUpdate),
      response: {
        200: answer('The user as it is now.', ref(context.contract.User)),
        ...problemAnswers([...BODY_PROBLEMS, 'not_found', 'last_superuser']),
      },
    },

    async handler(request, reply) {
      const id = parseId(request.params.id)
      const body = lenient(request.headers.prefer, request.body, reply)
      body.faults.push(...updateFaults(id, body.values))
      const { sent, values: patch } = body.faults.length === 0 ? body : await withoutStored(body, id)
      if (id === undefined) throw new ProblemError('not_found')

      // Hashed before any lock is taken.
      const password = patch.password
      const encodedPassword =
        password === undefined || isMaskShaped(password) ? undefined : await context.encodePassword(password)
      const update = { actor: actorOf(request), requestId: request.id, id, sent, patch, encodedPassword }
      return presentUser(await context.updateUser(update))
    },
  })
}

/** Drops unknown fields where the caller prefers that (RFC 7240 `handling=lenient`). */
function lenient(prefer: unknown, body: CheckedBody<UserUpdate>, reply: FastifyReply): CheckedBody<UserUpdate> {
  if (!prefersLenient(prefer)) return body
  reply.header('preference-applied', 'handling=lenient')
  const unknown = body.faults.filter(({ code }) => code === 'unknown')
  return {
    sent: body.sent,
    values: without(body.values, unknown),
    faults: body.faults.filter((fault) => !unknown.includes(fault)),
  }
}
