import {
  FormatQuery,
  ref,
  USER_DEFAULTS,
  type UserPath,
  UserPath as UserPathSchema,
  type UserUpdate,
} from '../../../schemas/index.js'
import { type CheckedBody, parseId } from '../../domain/accept-update.js'
import { presentUser } from '../../domain/user.js'
import { clientOf } from '../client.js'
import type { Context } from '../context.js'
import { answer, BODY_PROBLEMS, defineRoute, problemAnswers } from '../route.js'
import { completed, readyUpdate } from '../updates.js'

/** `PUT /users/{id}/`: an update in which every absent field has its default. */
export const replaceUser = (context: Context) =>
  defineRoute<{ Params: UserPath; Body: CheckedBody<UserUpdate> }>({
    schema: {
      operationId: 'replaceUser',
      tags: ['users'],
      summary: 'Replace User',
      description:
        'Replaces one user. What is absent goes to its default, so that repeating the request changes nothing more; ' +
        '`date_joined` stays. The mask that was read keeps the password. The rules are those of the update.',
      params: UserPathSchema,
      querystring: FormatQuery,
      body: ref(context.contract.UserReplacement),
      response: {
        200: answer('The user as it is now.', ref(context.contract.User)),
        ...problemAnswers([...BODY_PROBLEMS, 'not_found', 'last_superuser', 'busy']),
      },
    },

    confirmsCaller: true,

    async handler(request, reply) {
      const whole = completed(request.body, USER_DEFAULTS)
      const update = await readyUpdate(context, request, reply, parseId(request.params.id), whole)
      return presentUser(await context.updateUser(update, clientOf(reply)))
    },
  })
