import { FormatQuery, type GroupPath, GroupPath as GroupPathSchema } from '../../../schemas/index.js'
import { deleteGroup as remove } from '../../domain/change-groups.js'
import type { Context } from '../context.js'
import { idIn } from '../references.js'
import { BODY_PROBLEMS, callerOf, defineRoute, NOTHING_TO_SAY, problemAnswers } from '../route.js'

/** `DELETE /groups/{id}/` */
export const deleteGroup = (context: Context) =>
  defineRoute<{ Params: GroupPath }>({
    schema: {
      operationId: 'deleteGroup',
      tags: ['groups'],
      summary: 'Delete Group',
      description:
        'Deletes one group. Its members stay, and lose what it conferred. A caller without superuser status can not delete a ' +
        'group that confers something on itself. One that other tables of the database refer to is not deleted (409).',
      params: GroupPathSchema,
      querystring: FormatQuery,
      response: { 204: NOTHING_TO_SAY, ...problemAnswers([...BODY_PROBLEMS, 'not_found', 'in_use']) },
    },

    async handler(request, reply) {
      const id = idIn(request.params.id)
      const problem = await context.database.transaction((transaction) =>
        remove(transaction, { caller: callerOf(request), requestId: request.id, id }),
      )
      if (problem !== undefined) throw problem
      return reply.code(204).send()
    },
  })
