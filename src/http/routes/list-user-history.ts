import {
  type HistoryQuery,
  HistoryQuery as HistoryQuerySchema,
  ref,
  type UserPath,
  UserPath as UserPathSchema,
} from '../../../schemas/index.js'
import { eventSource, listEvents } from '../../db/events.js'
import { readUsers } from '../../db/users.js'
import { ProblemError } from '../../errors.js'
import type { Context } from '../context.js'
import { answerList } from '../listing.js'
import { idIn } from '../references.js'
import { defineRoute, listAnswer, problemAnswers } from '../route.js'

/** `GET /users/{id}/history/` */
export const listUserHistory = (context: Context) => {
  return defineRoute<{ Params: UserPath; Querystring: HistoryQuery }>({
    schema: {
      operationId: 'listUserHistory',
      tags: ['events'],
      summary: 'List History of User',
      description:
        'Who changed what of this user, newest first. The history of a deleted user stays as long as its events are kept.',
      params: UserPathSchema,
      querystring: HistoryQuerySchema,
      response: {
        200: listAnswer('A page of the events.', ref(context.contract.EventList)),
        ...problemAnswers(['invalid', 'not_found']),
      },
    },

    async handler(request, reply) {
      const targetId = idIn(request.params.id)
      const { actor, ...rest } = request.query
      const about = { target_type: 'user', targetId }
      const actorId = actor === undefined ? undefined : Number(actor)
      if (!(await isKnown(targetId))) throw new ProblemError('not_found')
      return answerList(context, request, reply, {
        source: eventSource,
        read: (page) => listEvents(context.database, { ...rest, ...about, actorId }, page),
        present: (event) => event,
        ordering: '-id',
      })
    },
  })

  /** Whether there is such a user, or was one whose events are kept. */
  async function isKnown(id: number): Promise<boolean> {
    const [user] = await readUsers(context.database, [id])
    if (user !== undefined) return true
    const page = { ordering: [{ field: 'id', descending: true }], size: 1, isCounted: false }
    const { rows } = await listEvents(context.database, { target_type: 'user', targetId: id }, page)
    return rows.length > 0
  }
}
