import {
  FormatQuery,
  GROUP_DEFAULTS,
  type GroupPath,
  GroupPath as GroupPathSchema,
  ref,
  requestHeaders,
} from '../../../schemas/index.js'
import { parseId } from '../../domain/accept-update.js'
import type { Context } from '../context.js'
import { changeGroup } from '../groups.js'
import { once } from '../idempotency.js'
import { BODY_PROBLEMS, CHANGE_PROBLEMS, changeAnswers, defineRoute, problemAnswers } from '../route.js'

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
      headers: requestHeaders('if-match', 'prefer', 'idempotency-key'),
      body: ref(context.contract.GroupReplacement),
      response: {
        ...changeAnswers('The group as it is now.', ref(context.contract.Group)),
        ...problemAnswers([...BODY_PROBLEMS, ...CHANGE_PROBLEMS, 'not_found']),
      },
    },

    handler: once(context, (request, reply) =>
      changeGroup(context, request, reply, { id: parseId(request.params.id) }, { defaults: GROUP_DEFAULTS }),
    ),
  })
