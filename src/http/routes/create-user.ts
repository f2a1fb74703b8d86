import { creationHeaders, FormatQuery, ref, type UserUpdate } from '../../../schemas/index.js'
import { type CheckedBody, isNoObject, updateFaults, without } from '../../domain/accept-update.js'
import { createUser as create, findCreationFaults } from '../../domain/create-user.js'
import { isWritable, presentUser } from '../../domain/user.js'
import { invalid } from '../../errors.js'
import { READ_USERS } from '../access.js'
import { changeAnswer } from '../answers.js'
import { clientOf } from '../client.js'
import type { Context } from '../context.js'
import { once, perform } from '../idempotency.js'
import { creationPrecondition } from '../preconditions.js'
import {
  BODY_PROBLEMS,
  callerOf,
  CREATION_PROBLEMS,
  creationAnswers,
  defineRoute,
  problemAnswers,
} from '../route.js'
import { hashed, lenient, lookingAgain, withoutPlainPassword } from '../updates.js'

/** `POST /users/` */
export const createUser = (context: Context) =>
  defineRoute<{ Body: CheckedBody<UserUpdate> }>({
    schema: {
      operationId: 'createUser',
      tags: ['users'],
      summary: 'Create User',
      description:
        'Makes a user. What is absent has its default, as in Django: an active user who is no staff and holds nothing. ' +
        'A caller without superuser status can give only permissions that it holds itself. Send an `Idempotency-Key`, so that a ' +
        'request that is repeated after a lost connection makes no second user.',
      querystring: FormatQuery,
      headers: creationHeaders,
      body: ref(context.contract.UserCreation),
      response: {
        ...creationAnswers('The new user.', ref(context.contract.User)),
        ...problemAnswers([...BODY_PROBLEMS, ...CREATION_PROBLEMS, 'busy']),
      },
    },

    handler: once(context, async (request, reply) => {
      const { sent, values, faults } = lenient(request, reply, request.body, isWritable)
      const creation = {
        caller: callerOf(request),
        requestId: request.id,
        sent,
        patch: values,
        precondition: creationPrecondition(request, context.userTags, READ_USERS),
      }
      faults.push(...updateFaults(undefined, { sent, values, faults }))
      if (isNoObject({ faults })) throw invalid(faults)
      if (faults.length > 0) {
        const patch = withoutPlainPassword(without(values, faults))
        const others = await context.database.transaction((transaction) =>
          findCreationFaults(transaction, { ...creation, patch }),
        )
        throw invalid([...faults, ...others])
      }
      const encodedPassword = await hashed(context, request, clientOf(reply), values)
      return lookingAgain(() =>
        perform(context, request, async (transaction) => {
          const outcome = await create(transaction, { ...creation, encodedPassword })
          if ('problem' in outcome) return outcome
          const { user } = outcome
          const current = { etag: context.userTags.of(user), body: presentUser(user) }
          return changeAnswer(request, reply, current, {
            location: `${request.server.prefix}/users/${user.id}/`,
          })
        }),
      )
    }),
  })
