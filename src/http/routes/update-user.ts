import {
  FormatQuery,
  ref,
  type UserPath,
  UserPath as UserPathSchema,
  type UserUpdate,
} from '../../../schemas/index.js'
import { type CheckedBody, parseId } from '../../domain/accept-update.js'
import { presentUser } from '../../domain/user.js'
import { clientOf } from '../client.js'
import type { Context } from '../context.js'
import { answer, BODY_PROBLEMS, defineRoute, problemAnswers } from '../route.js'
import { readyUpdate } from '../updates.js'

/** `PATCH /users/{id}/` */
export const updateUser = (context: Context) =>
  defineRoute<{ Params: UserPath; Body: CheckedBody<UserUpdate> }>({
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
      const update = await readyUpdate(context, request, reply, parseId(request.params.id), request.body)
      return presentUser(await context.updateUser(update, clientOf(reply)))
    },
  })
