import {
  FormatQuery,
  type GroupPath,
  GroupPath as GroupPathSchema,
  ref,
  requestHeaders,
} from '../../../schemas/index.js'
import { readGroup as read } from '../../db/groups.js'
import { ProblemError } from '../../errors.js'
import { sendRead } from '../answers.js'
import type { Context } from '../context.js'
import { idIn } from '../references.js'
import { defineRoute, problemAnswers, readAnswer } from '../route.js'

/** `GET /groups/{id}/` */
export const readGroup = (context: Context) =>
  defineRoute<{ Params: GroupPath }>({
    schema: {
      operationId: 'readGroup',
      tags: ['groups'],
      summary: 'Read Group',
      description: 'Answers one group with its permissions.',
      params: GroupPathSchema,
      querystring: FormatQuery,
      headers: requestHeaders('if-none-match'),
      response: {
        ...readAnswer('The group.', ref(context.contract.Group)),
        ...problemAnswers(['bad_request', 'invalid', 'not_found', 'precondition_failed']),
      },
    },

    async handler(request, reply) {
      const group = await read(context.database, idIn(request.params.id))
      if (group === undefined) throw new ProblemError('not_found')
      return sendRead(request, reply, { etag: context.groupTags.of(group), body: group })
    },
  })
