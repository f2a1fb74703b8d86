import { FormatQuery, ref, type UserPath, UserPath as UserPathSchema } from '../../../schemas/index.js'
import { parseId } from '../../domain/accept-update.js'
import { presentUser } from '../../domain/user.js'
import { ProblemError } from '../../errors.js'
import type { Context } from '../context.js'
import { answer, callerOf, defineRoute, problemAnswers } from '../route.js'

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
      response: {
        200: answer('The user.', ref(context.contract.User)),
        ...problemAnswers(['invalid', 'not_found']),
      },
    },

    confirmsCaller: true,

    async handler(request) {
      const id = parseId(request.params.id)
      const user = id === undefined ? undefined : await context.readUser(id, callerOf(request))
      if (user === undefined) throw new ProblemError('not_found')
      return presentUser(user)
    },
  })
