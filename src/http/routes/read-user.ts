import {
  FormatQuery,
  ref,
  requestHeaders,
  type UserPath,
  UserPath as UserPathSchema,
} from '../../../schemas/index.js'
import { parseId } from '../../domain/accept-update.js'
import { presentUser } from '../../domain/user.js'
import { ProblemError } from '../../errors.js'
import { sendRead } from '../answers.js'
import type { Context } from '../context.js'
import { callerOf, defineRoute, problemAnswers, readAnswer } from '../route.js'

/** `GET /users/{id}/` */
export const readUser = (context: Context) =>
  defineRoute<{ Params: UserPath }>({
    schema: {
      operationId: 'readUser',
      tags: ['users'],
      summary: 'Read User',
      description: 'Answers one user with every field. The password is shown as its algorithm and a mask.',
      params: UserPathSchema,
      querystring: FormatQuery,
      headers: requestHeaders('if-none-match'),
      response: {
        ...readAnswer('The user.', ref(context.contract.User)),
        ...problemAnswers(['bad_request', 'invalid', 'not_found', 'precondition_failed']),
      },
    },

    confirmsCaller: true,

    async handler(request, reply) {
      const id = parseId(request.params.id)
      const user = id === undefined ? undefined : await context.readUser(id, callerOf(request))
      if (user === undefined) throw new ProblemError('not_found')
      return sendRead(request, reply, { etag: context.userTags.of(user), body: presentUser(user) })
    },
  })
