import { FormatQuery, GROUP_DEFAULTS, ref } from '../../../schemas/index.js'
import type { Context } from '../context.js'
import { changeGroup } from '../groups.js'
import { answer, BODY_PROBLEMS, defineRoute, LOCATION, problemAnswers } from '../route.js'

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
      body: ref(context.contract.GroupCreation),
      response: {
        201: { ...answer('The new group.', ref(context.contract.Group)), headers: LOCATION },
        ...problemAnswers(BODY_PROBLEMS),
      },
    },

    async handler(request, reply) {
      const group = await changeGroup(context, request, reply, 'new', { defaults: GROUP_DEFAULTS })
      return reply.code(201).header('location', `${request.server.prefix}/groups/${group.id}/`).send(group)
    },
  })
