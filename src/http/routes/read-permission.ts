import {
  FormatQuery,
  type PermissionPath,
  PermissionPath as PermissionPathSchema,
  ref,
} from '../../../schemas/index.js'
import type { Context } from '../context.js'
import { permissionAt } from '../references.js'
import { answer, defineRoute, problemAnswers } from '../route.js'

/** `GET /permissions/{permission}/` */
export const readPermission = (context: Context) =>
  defineRoute<{ Params: PermissionPath }>({
    schema: {
      operationId: 'readPermission',
      tags: ['permissions'],
      summary: 'Read Permission',
      description: 'Answers one permission, by its id or as `app_label.codename`.',
      params: PermissionPathSchema,
      querystring: FormatQuery,
      response: {
        200: answer('The permission.', ref(context.contract.Permission)),
        ...problemAnswers(['invalid', 'not_found']),
      },
    },

    handler: (request) => permissionAt(context.database, request.params.permission),
  })
