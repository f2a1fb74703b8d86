import {
  type GroupPath,
  GroupPath as GroupPathSchema,
  type MemberListQuery,
  MemberListQuery as MemberListQuerySchema,
  ref,
} from '../../../schemas/index.js'
import { readGroup } from '../../db/groups.js'
import { listUsers, userSource } from '../../db/user-list.js'
import { presentUser } from '../../domain/user.js'
import { ProblemError } from '../../errors.js'
import type { Context } from '../context.js'
import { answerList } from '../listing.js'
import { idIn, permissionsIn } from '../references.js'
import { defineRoute, listAnswer, problemAnswers } from '../route.js'

/** `GET /groups/{id}/users/` */
export const listGroupUsers = (context: Context) =>
  defineRoute<{ Params: GroupPath; Querystring: MemberListQuery }>({
    schema: {
      operationId: 'listGroupUsers',
      tags: ['groups'],
      summary: 'List Users of Group',
      description: 'Finds the members of a group, as the list of users does.',
      params: GroupPathSchema,
      querystring: MemberListQuerySchema,
      response: {
        200: listAnswer('A page of the members.', ref(context.contract.UserList)),
        ...problemAnswers(['invalid', 'not_found']),
      },
    },

    async handler(request, reply) {
      const group = await readGroup(context.database, idIn(request.params.id))
      if (group === undefined) throw new ProblemError('not_found')
      const { permission, ...filter } = request.query
      const permissionIds = await permissionsIn(context.database, permission)
      return answerList(context, request, reply, {
        source: userSource,
        read: (page) => listUsers(context.database, { ...filter, groupId: group.id, permissionIds }, page),
        present: presentUser,
      })
    },
  })
