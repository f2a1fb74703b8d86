import type { FastifyReply, FastifyRequest } from 'fastify'
import { type EventListQuery, EventListQuery as EventListQuerySchema, ref } from '../../../schemas/index.js'
import { type EventFilter, eventSource, listEvents as list } from '../../db/events.js'
import { ProblemError } from '../../errors.js'
import { authorize } from '../access.js'
import { clientOf } from '../client.js'
import type { Context } from '../context.js'
import { followEvents } from '../event-feed.js'
import { answerList, badParameter, envelope, narrowed, sendLinks, urlWith } from '../listing.js'
import { callerOf, defineRoute, listAnswer, problemAnswers } from '../route.js'

/** `GET /events/` */
export const listEvents = (context: Context) => {
  const follow = followEvents(context)

  return defineRoute<{ Querystring: EventListQuery }>({
    schema: {
      operationId: 'listEvents',
      tags: ['events'],
      summary: 'List Events',
      description:
        'Who changed what, newest first. It tells of users and of groups, and takes the right to read both.\n\n' +
        'With `after` it is a feed: every event after that one, oldest first, each once and in order, whatever order the changes ' +
        'were committed in. Begin with `after=0`, and go on with `next`, which is always there. `wait` lets the request wait for an ' +
        'event where there is none yet. Where events were removed that the consumer has not seen, the answer is 410.',
      querystring: EventListQuerySchema,
      response: {
        200: listAnswer('A page of the events.', ref(context.contract.EventList)),
        ...problemAnswers(['invalid', 'not_found', 'events_gone']),
      },
    },

    async handler(request, reply) {
      // Its route asks for the right to read users.
      authorize(callerOf(request).actor, ['auth.view_group'])
      const { after, actor, target, ...rest } = request.query
      const actorId = actor === undefined ? undefined : Number(actor)
      const targetId = target === undefined ? undefined : Number(target)
      const filter = { ...rest, actorId, targetId }
      if (after !== undefined) return answerFeed(request, reply, Number(after), filter)
      if (rest.wait !== undefined) throw badParameter('wait needs after')
      return answerList(context, request, reply, {
        source: eventSource,
        read: (page) => list(context.database, filter, page),
        present: (event) => event,
        ordering: '-id',
      })
    },
  })

  async function answerFeed(
    request: FastifyRequest<{ Querystring: EventListQuery }>,
    reply: FastifyReply,
    after: number,
    filter: EventFilter,
  ) {
    const { wait = 0, page_size: size = context.pageSize, fields, ...others } = request.query
    const excluded = (['page', 'cursor', 'count', 'ordering'] as const).find(
      (name) => others[name] !== undefined,
    )
    if (excluded !== undefined) throw badParameter(`${excluded} and after exclude each other`)
    const feed = await follow({ after, filter, size, wait, isGone: clientOf(reply).gone })
    if (feed === undefined) throw new ProblemError('events_gone')
    const urls = { next: urlWith(request, { after: String(feed.position) }) }
    sendLinks(reply, urls)
    return envelope(null, urls, narrowed(feed.events, fields))
  }
}
