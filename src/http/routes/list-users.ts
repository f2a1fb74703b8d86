import { ref, type UserListQuery, UserListQuery as UserListQuerySchema } from '../../../schemas/index.js'
import { listUsers as list, userSource } from '../../db/user-list.js'
import { presentUser } from '../../domain/user.js'
import type { Context } from '../context.js'
import { answerList } from '../listing.js'
import { groupIn, permissionsIn } from '../references.js'
import { defineRoute, listAnswer, problemAnswers } from '../route.js'

/** `GET /users/` */
export const listUsers = (context: Context) =>
  defineRoute<{ Querystring: UserListQuery }>({
    schema: {
      operationId: 'listUsers',
      tags: ['users'],
      summary: 'List Users',
      description:
        'Finds users. All filters given must fit. Pages go by number, or by `cursor`, whose cost does not grow with the depth.',
      querystring: UserListQuerySchema,
      response: {
        200: listAnswer('A page of the users.', ref(context.contract.UserList)),
        ...problemAnswers(['invalid', 'not_found']),
      },
    },

    async handler(request, reply) {
      const { group, permission, ...filter } = request.query
      const [groupId, permissionIds] = await Promise.all([
        groupIn(context.database, group),
        permissionsIn(context.database, permission),
      ])
      return answerList(context, request, reply, {
        source: userSource,
        read: (page) => list(context.database, { ...filter, groupId, permissionIds }, page),
        present: presentUser,
      })
    },
  })
