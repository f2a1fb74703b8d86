import {
  ref,
  requestHeaders,
  USER_DEFAULTS,
  type UserPath,
  UserPath as UserPathSchema,
  type UserUpdate,
  UserUpdateQuery,
} from '../../../schemas/index.js'
import { type CheckedBody, parseId } from '../../domain/accept-update.js'
import { applyUpdate } from '../apply-update.js'
import type { Context } from '../context.js'
import { once } from '../idempotency.js'
import { BODY_PROBLEMS, CHANGE_PROBLEMS, changeAnswers, defineRoute, problemAnswers } from '../route.js'
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
      querystring: UserUpdateQuery,
      headers: requestHeaders('if-match', 'prefer', 'idempotency-key'),
      body: ref(context.contract.UserReplacement),
      response: {
        ...changeAnswers(
          'The user as it is now.',
          ref(context.contract.User),
          ref(context.contract.UserDryRun),
        ),
        ...problemAnswers([...BODY_PROBLEMS, ...CHANGE_PROBLEMS, 'not_found', 'last_superuser', 'busy']),
      },
    },

    confirmsCaller: true,

    handler: once(context, async (request, reply) => {
      const whole = completed(request.body, USER_DEFAULTS)
      const update = await readyUpdate(context, request, reply, parseId(request.params.id), whole)
      return applyUpdate(context, request, reply, update)
    }),
  })
