import { FormatQuery, ref, type UserUpdate } from '../../../schemas/index.js'
import { type CheckedBody, isNoObject, updateFaults, without } from '../../domain/accept-update.js'
import { createUser as create, findCreationFaults } from '../../domain/create-user.js'
import { isWritable, presentUser } from '../../domain/user.js'
import { invalid } from '../../errors.js'
import { clientOf } from '../client.js'
import type { Context } from '../context.js'
import { answer, BODY_PROBLEMS, callerOf, defineRoute, LOCATION, problemAnswers } from '../route.js'
import { hashed, lenient, withoutPlainPassword } from '../updates.js'

/** `POST /users/` */
export const createUser = (context: Context) =>
  defineRoute<{ Body: CheckedBody<UserUpdate> }>({
    schema: {
      operationId: 'createUser',
      tags: ['users'],
      summary: 'Create User',
      description:
        'Makes a user. What is absent has its default, as in Django: an active user who is no staff and holds nothing. ' +
        'A caller without superuser status can give only permissions that it holds itself.',
      querystring: FormatQuery,
      body: ref(context.contract.UserCreation),
      response: {
        201: { ...answer('The new user.', ref(context.contract.User)), headers: LOCATION },
        ...problemAnswers([...BODY_PROBLEMS, 'busy']),
      },
    },

    async handler(request, reply) {
      const { sent, values, faults } = lenient(request, reply, request.body, isWritable)
      const creation = { caller: callerOf(request), requestId: request.id, sent, patch: values }
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
      const outcome = await context.database.transaction((transaction) =>
        create(transaction, { ...creation, encodedPassword }),
      )
      if ('problem' in outcome) throw outcome.problem
      const { user } = outcome
      return reply
        .code(201)
        .header('location', `${request.server.prefix}/users/${user.id}/`)
        .send(presentUser(user))
    },
  })
