import {
  FormatQuery,
  requestHeaders,
  type UserPath,
  UserPath as UserPathSchema,
} from '../../../schemas/index.js'
import { deleteUser as remove } from '../../domain/delete-user.js'
import type { Context } from '../context.js'
import { once, perform, sendAnswer } from '../idempotency.js'
import { preconditionOf } from '../preconditions.js'
import { idIn } from '../references.js'
import {
  BODY_PROBLEMS,
  callerOf,
  CHANGE_PROBLEMS,
  defineRoute,
  NOTHING_TO_SAY,
  problemAnswers,
} from '../route.js'

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
      headers: requestHeaders('if-match', 'idempotency-key'),
      response: {
        204: NOTHING_TO_SAY,
        ...problemAnswers([...BODY_PROBLEMS, ...CHANGE_PROBLEMS, 'not_found', 'last_superuser', 'in_use']),
      },
    },

    handler: once(context, async (request, reply) => {
      const deletion = {
        caller: callerOf(request),
        requestId: request.id,
        id: idIn(request.params.id),
        owned: context.deletedWithUser,
        precondition: preconditionOf(request, context.userTags, { requires: context.requireIfMatch }),
      }
      const answer = await perform(context, request, reply, async (transaction) => {
        const problem = await remove(transaction, deletion)
        return problem === undefined ? { status: 204 } : { problem }
      })
      return sendAnswer(reply, answer)
    }),
  })
