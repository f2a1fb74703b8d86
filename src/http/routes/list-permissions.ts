import {
  type PermissionListQuery,
  PermissionListQuery as PermissionListQuerySchema,
  ref,
} from '../../../schemas/index.js'
import { listPermissions as list, permissionSource } from '../../db/permissions.js'
import type { Context } from '../context.js'
import { answerList } from '../listing.js'
import { defineRoute, listAnswer, problemAnswers } from '../route.js'

/** `GET /permissions/` */
export const listPermissions = (context: Context) =>
  defineRoute<{ Querystring: PermissionListQuery }>({
    schema: {
      operationId: 'listPermissions',
      tags: ['permissions'],
      summary: 'List Permissions',
      description:
        'Finds permissions. Which of them exist is for the Django project to say: here they are only read.',
      querystring: PermissionListQuerySchema,
      response: {
        200: listAnswer('A page of the permissions.', ref(context.contract.PermissionList)),
        ...problemAnswers(['invalid', 'not_found']),
      },
    },

    handler: (request, reply) =>
      answerList(context, request, reply, {
        source: permissionSource,
        read: (page) => list(context.database, request.query, page),
        present: (permission) => permission,
      }),
  })
