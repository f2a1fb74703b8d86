import {
  FormatQuery,
  GROUP_DEFAULTS,
  type GroupPath,
  GroupPath as GroupPathSchema,
  ref,
} from '../../../schemas/index.js'
import { parseId } from '../../domain/accept-update.js'
import type { Context } from '../context.js'
import { changeGroup } from '../groups.js'
import { answer, BODY_PROBLEMS, defineRoute, problemAnswers } from '../route.js'

/** `PUT /groups/{id}/` */
export const replaceGroup = (context: Context) =>
  defineRoute<{ Params: GroupPath }>({
    schema: {
      operationId: 'replaceGroup',
      tags: ['groups'],
      summary: 'Replace Group',
      description:
        'Replaces one group. Absent `permissions` become the empty set. The rules are those of the update.',
      params: GroupPathSchema,
      querystring: FormatQuery,
      body: ref(context.contract.GroupReplacement),
      response: {
        200: answer('The group as it is now.', ref(context.contract.Group)),
        ...problemAnswers([...BODY_PROBLEMS, 'not_found']),
      },
    },

    handler: (request, reply) =>
      changeGroup(context, request, reply, { id: parseId(request.params.id) }, { defaults: GROUP_DEFAULTS }),
  })
