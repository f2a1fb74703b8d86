import {
  type BulkQuery,
  BulkQuery as BulkQuerySchema,
  ref,
  requestHeaders,
  type UserBulkItem,
} from '../../../schemas/index.js'
import type { CheckedList } from '../../domain/accept-update.js'
import { sendAnswer } from '../answers.js'
import { applyAll, applyEach } from '../bulk-update.js'
import type { Context } from '../context.js'
import { once } from '../idempotency.js'
import { BODY_PROBLEMS, bulkAnswer, CHANGE_PROBLEMS, defineRoute, problemAnswers } from '../route.js'

interface BulkRequest {
  Querystring: BulkQuery
  Body: CheckedList<UserBulkItem>
}

/** `PATCH /users/` */
export const updateUsers = (context: Context) => {
  const allAtOnce = once<BulkRequest>(context, (request, reply) =>
    applyAll(context, request, reply, request.body),
  )
  return defineRoute<BulkRequest>({
    schema: {
      operationId: 'updateUsers',
      tags: ['users'],
      summary: 'Update Many Users',
      description:
        'Changes many users, each as the update of one would. By default all of them or none: the first refusal tells the status, ' +
        'and `errors` names what is wrong with which update (`/3/username` is the fourth one). With `atomic=false` each has an ' +
        'outcome of its own. `if_match` of an update is for its user what `If-Match` is elsewhere.\n\n' +
        'With an `Idempotency-Key` and `atomic=false`, a repeated request applies nothing again that was applied, and tries ' +
        'what was refused once more.',
      querystring: BulkQuerySchema,
      headers: requestHeaders('prefer', 'idempotency-key'),
      body: ref(context.contract.UserBulkUpdate),
      response: {
        200: bulkAnswer('All updates were applied.', ref(context.contract.UserBulkResult)),
        207: bulkAnswer('What became of each update.', ref(context.contract.UserBulkResult)),
        ...problemAnswers([...BODY_PROBLEMS, ...CHANGE_PROBLEMS, 'not_found', 'last_superuser', 'busy']),
      },
    },

    bodyLimit: 2_097_152,

    // Where each has an outcome of its own, each is done once by itself.
    handler: async (request, reply) =>
      request.query.atomic === false
        ? sendAnswer(reply, await applyEach(context, request, reply, request.body))
        : allAtOnce(request, reply),
  })
}
