import {
  FormatQuery,
  requestHeaders,
  type UserPath,
  UserPath as UserPathSchema,
} from '../../../schemas/index.js'
import { deleteUser as remove } from '../../domain/delete-user.js'
import { READ_USERS } from '../access.js'
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
        ...deletionAnswers,
        ...problemAnswers([...BODY_PROBLEMS, ...CHANGE_PROBLEMS, 'not_found', 'last_superuser', 'in_use']),
      },
    },

    handler: once(context, async (request) => {
      const deletion = {
        caller: callerOf(request),
        requestId: request.id,
        id: idIn(request.params.id),
        owned: context.deletedWithUser,
        precondition: preconditionOf(request, context.userTags, {
          requires: context.requireIfMatch,
          readers: READ_USERS,
        }),
      }
      return perform(context, request, async (transaction) => {
        const problem = await remove(transaction, deletion)
        return problem === undefined ? { status: 204, headers: {} } : { problem }
      })
    }),
  })
