import { creationHeaders, FormatQuery, GROUP_DEFAULTS, ref } from '../../../schemas/index.js'
import type { Context } from '../context.js'
import { changeGroup } from '../groups.js'
import { once } from '../idempotency.js'
import { BODY_PROBLEMS, CREATION_PROBLEMS, creationAnswers, defineRoute, problemAnswers } from '../route.js'

/** `POST /groups/` */
export const createGroup = (context: Context) =>
  defineRoute({
    schema: {
      operationId: 'createGroup',
      tags: ['groups'],
      summary: 'Create Group',
      description:
        'Makes a group. A caller without superuser status can give it only permissions that it holds itself.',
      querystring: FormatQuery,
      headers: creationHeaders,
      body: ref(context.contract.GroupCreation),
      response: {
        ...creationAnswers('The new group.', ref(context.contract.Group)),
        ...problemAnswers([...BODY_PROBLEMS, ...CREATION_PROBLEMS]),
      },
    },

    handler: once(context, (request, reply) =>
      changeGroup(context, request, reply, 'new', { defaults: GROUP_DEFAULTS }),
    ),
  })
