import { FormatQuery, type UserPath, UserPath as UserPathSchema } from '../../../schemas/index.js'
import { deleteUser as remove } from '../../domain/delete-user.js'
import type { Context } from '../context.js'
import { idIn } from '../references.js'
import { BODY_PROBLEMS, callerOf, defineRoute, NOTHING_TO_SAY, problemAnswers } from '../route.js'

/** `DELETE /users/{id}/` */
export const deleteUser = (context: Context) =>
  defineRoute<{ Params: UserPath }>({
    schema: {
      operationId: 'deleteUser',
      tags: ['users'],
      summary: 'Delete User',
      description:
        '**Deactivate accounts rather than deleting them**: `PATCH` with `{"is_active": false}` ends every access as well, and ' +
        'keeps what refers to the user.\n\n' +
        'Deletes one user, with its memberships, permissions, API keys, tokens and entries in the log of the Django admin, as Django does. A user that other tables of the database refer ' +
        'to is not deleted (409). The rules against escalation hold as for a deactivation.',
      params: UserPathSchema,
      querystring: FormatQuery,
      response: {
        204: NOTHING_TO_SAY,
        ...problemAnswers([...BODY_PROBLEMS, 'not_found', 'last_superuser', 'in_use']),
      },
    },

    async handler(request, reply) {
      const id = idIn(request.params.id)
      const owned = context.deletedWithUser
      const deletion = { caller: callerOf(request), requestId: request.id, id, owned }
      const problem = await context.database.transaction((transaction) => remove(transaction, deletion))
      if (problem !== undefined) throw problem
      return reply.code(204).send()
    },
  })
