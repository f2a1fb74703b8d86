import { FormatQuery, ref } from '../../../schemas/index.js'
import { readUsers } from '../../db/users.js'
import { heldPermissionNames } from '../../db/permissions.js'
import { presentUser } from '../../domain/user.js'
import { ProblemError } from '../../errors.js'
import type { Context } from '../context.js'
import { answer, callerOf, defineRoute, problemAnswers } from '../route.js'

/** `GET /me/` */
export const readMe = (context: Context) =>
  defineRoute({
    schema: {
      operationId: 'readMe',
      tags: ['permissions'],
      summary: 'Who Am I?',
      description:
        'Answers the user who makes the request, how it authenticated, and everything that it may do.',
      querystring: FormatQuery,
      response: {
        200: answer('The caller.', ref(context.contract.Me)),
        ...problemAnswers(['invalid', 'not_found']),
      },
    },

    async handler(request) {
      const { actor } = callerOf(request)
      const { id } = actor
      if (id === null) throw new ProblemError('not_found', { detail: "These credentials are no user's." })
      const [[user], permissions] = await context.database.together((connection) =>
        Promise.all([readUsers(connection, [id]), heldPermissionNames(connection, id)]),
      )
      // Deleted since it was looked up.
      if (user === undefined) throw new ProblemError('not_found')
      return { user: presentUser(user), credential: actor.credential, permissions }
    },
  })
