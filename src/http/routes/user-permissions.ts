import { Type } from '@sinclair/typebox'
import {
  FormatQuery,
  type HeldPermissionListQuery,
  HeldPermissionListQuery as HeldPermissionListQuerySchema,
  type PermissionPath,
  PermissionPath as PermissionPathSchema,
  ref,
  type UserPath,
  UserPath as UserPathSchema,
} from '../../../schemas/index.js'
import { findHeldPermission, heldSource, listHeldPermissions } from '../../db/permissions.js'
import { readUsers } from '../../db/users.js'
import { ProblemError } from '../../errors.js'
import type { Context } from '../context.js'
import { answerList } from '../listing.js'
import { idIn, permissionReference } from '../references.js'
import { answer, defineRoute, listAnswer, problemAnswers } from '../route.js'

/** `GET /users/{id}/permissions/` */
export const listUserPermissions = (context: Context) =>
  defineRoute<{ Params: UserPath; Querystring: HeldPermissionListQuery }>({
    schema: {
      operationId: 'listUserPermissions',
      tags: ['permissions'],
      summary: 'List What a User May Do',
      description:
        'Every permission that the user holds, each with where it comes from: given to the user alone, conferred by groups, or ' +
        'held as a superuser. An inactive user holds none. It is what `get_all_permissions` answers in Django.',
      params: UserPathSchema,
      querystring: HeldPermissionListQuerySchema,
      response: {
        200: listAnswer('A page of the permissions.', ref(context.contract.HeldPermissionList)),
        ...problemAnswers(['invalid', 'not_found']),
      },
    },

    async handler(request, reply) {
      const id = idIn(request.params.id)
      const [user] = await readUsers(context.database, [id])
      if (user === undefined) throw new ProblemError('not_found')
      return answerList(context, request, reply, {
        source: heldSource(id),
        read: (page) => listHeldPermissions(context.database, id, request.query, page),
        present: (permission) => permission,
      })
    },
  })

/** `GET /users/{id}/permissions/{permission}/` */
export const checkUserPermission = (context: Context) =>
  defineRoute<{ Params: UserPath & PermissionPath }>({
    schema: {
      operationId: 'checkUserPermission',
      tags: ['permissions'],
      summary: 'May a User Do This?',
      description:
        'Answers the permission where the user holds it, and 404 where it does not: `has_perm` of Django. 404 as well where there ' +
        'is no such user or permission.',
      params: Type.Composite([UserPathSchema, PermissionPathSchema]),
      querystring: FormatQuery,
      response: {
        200: answer('It may.', ref(context.contract.HeldPermission)),
        ...problemAnswers(['invalid', 'not_found']),
      },
    },

    async handler(request) {
      const id = idIn(request.params.id)
      const reference = permissionReference(request.params.permission)
      const held = reference && (await findHeldPermission(context.database, id, reference))
      if (held === undefined) throw new ProblemError('not_found')
      return held
    },
  })
