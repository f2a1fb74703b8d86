import {
  FormatQuery,
  type GroupPath,
  GroupPath as GroupPathSchema,
  ref,
  requestHeaders,
} from '../../../schemas/index.js'
import { parseId } from '../../domain/accept-update.js'
import type { Context } from '../context.js'
import { changeGroup } from '../groups.js'
import { once } from '../idempotency.js'
import {
  BODY_PROBLEMS,
  CHANGE_PROBLEMS,
  changeAnswers,
  defineRoute,
  patchBody,
  problemAnswers,
} from '../route.js'

/** `PATCH /groups/{id}/` */
export const updateGroup = (context: Context) =>
  defineRoute<{ Params: GroupPath }>({
    schema: {
      operationId: 'updateGroup',
      tags: ['groups'],
      summary: 'Update Group',
      description:
        'Changes one group. Fields that are absent stay as they are; `permissions` replaces the whole set.\n\n' +
        'What a group confers, it gives to all members: a caller without superuser status can add only permissions that it ' +
        'holds itself, and can not change what a group confers that it belongs to.',
      params: GroupPathSchema,
      querystring: FormatQuery,
      headers: requestHeaders('if-match', 'prefer', 'idempotency-key'),
      body: patchBody(context.contract.GroupUpdate),
      response: {
        ...changeAnswers('The group as it is now.', ref(context.contract.Group)),
        ...problemAnswers([...BODY_PROBLEMS, ...CHANGE_PROBLEMS, 'not_found', 'patch_conflict']),
      },
    },

    handler: once(context, (request, reply) =>
      changeGroup(context, request, reply, { id: parseId(request.params.id) }),
    ),
  })
