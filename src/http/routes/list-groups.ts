import { type GroupListQuery, GroupListQuery as GroupListQuerySchema, ref } from '../../../schemas/index.js'
import { groupSource, listGroups as list } from '../../db/groups.js'
import type { Context } from '../context.js'
import { answerList } from '../listing.js'
import { permissionsIn, userIn } from '../references.js'
import { defineRoute, listAnswer, problemAnswers } from '../route.js'

/** `GET /groups/` */
export const listGroups = (context: Context) =>
  defineRoute<{ Querystring: GroupListQuery }>({
    schema: {
      operationId: 'listGroups',
      tags: ['groups'],
      summary: 'List Groups',
      description: 'Finds groups. All filters given must fit.',
      querystring: GroupListQuerySchema,
      response: {
        200: listAnswer('A page of the groups.', ref(context.contract.GroupList)),
        ...problemAnswers(['invalid', 'not_found']),
      },
    },

    async handler(request, reply) {
      const { user, permission, ...filter } = request.query
      const permissionIds = await permissionsIn(context.database, permission)
      const userId = await userIn(context.database, user)
      return answerList(context, request, reply, {
        source: groupSource,
        read: (page) => list(context.database, { ...filter, userId, permissionIds }, page),
        present: (group) => group,
      })
    },
  })
