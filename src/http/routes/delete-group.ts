import {
  FormatQuery,
  type GroupPath,
  GroupPath as GroupPathSchema,
  requestHeaders,
} from '../../../schemas/index.js'
import { deleteGroup as remove } from '../../domain/change-groups.js'
import { READ_GROUPS } from '../access.js'
import type { Context } from '../context.js'
import { once, perform } from '../idempotency.js'
import { preconditionOf } from '../preconditions.js'
import { idIn } from '../references.js'
import {
  BODY_PROBLEMS,
  callerOf,
  CHANGE_PROBLEMS,
  defineRoute,
  deletionAnswers,
  problemAnswers,
} from '../route.js'

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
      headers: requestHeaders('if-match', 'idempotency-key'),
      response: {
        ...deletionAnswers,
        ...problemAnswers([...BODY_PROBLEMS, ...CHANGE_PROBLEMS, 'not_found', 'in_use']),
      },
    },

    handler: once(context, async (request) => {
      const deletion = {
        caller: callerOf(request),
        requestId: request.id,
        id: idIn(request.params.id),
        precondition: preconditionOf(request, context.groupTags, {
          requires: context.requireIfMatch,
          readers: READ_GROUPS,
        }),
      }
      return perform(context, request, async (transaction) => {
        const problem = await remove(transaction, deletion)
        return problem === undefined ? { status: 204, headers: {} } : { problem }
      })
    }),
  })
