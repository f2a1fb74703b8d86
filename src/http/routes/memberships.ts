import { type TObject, Type } from '@sinclair/typebox'
import {
  DryRunQuery,
  GroupPath,
  PermissionPath as PermissionPathSchema,
  ref,
  requestHeaders,
  UserPath as UserPathSchema,
} from '../../../schemas/index.js'
import type { MembershipChange } from '../../domain/decide-update.js'
import { applyUpdate } from '../apply-update.js'
import type { Context } from '../context.js'
import { once } from '../idempotency.js'
import { idIn, permissionAt, permissionReference } from '../references.js'
import {
  BODY_PROBLEMS,
  CHANGE_PROBLEMS,
  changeAnswers,
  defineRoute,
  problemAnswers,
  type RouteBody,
} from '../route.js'
import { termsOf } from '../updates.js'

interface Names {
  operationId: string
  summary: string
  description: string
}

/** What a user can belong to, or hold: where it stands in the URL, and how its id is found. */
interface Kind {
  field: MembershipChange['field']
  path: TObject
  /** @throws ProblemError `not_found` */
  idOf(context: Context, params: Record<string, string>): Promise<number> | number
}

const GROUPS: Kind = {
  field: 'groups',
  path: Type.Object({ group: GroupPath.properties.id }),
  idOf: (_context, { group }) => idIn(group!),
}

const PERMISSIONS: Kind = {
  field: 'user_permissions',
  path: PermissionPathSchema,
  async idOf({ database }, { permission }) {
    const reference = permissionReference(permission!)
    if (reference !== undefined && 'id' in reference) return reference.id
    return (await permissionAt(database, permission!)).id
  },
}

/** One membership of one user: an update like any other, but for the others of the set, which stay as they are then. */
const changeMembership = (
  context: Context,
  kind: Kind,
  isMember: boolean,
  { operationId, summary, description }: Names,
): RouteBody =>
  defineRoute<{ Params: Record<string, string> }>({
    schema: {
      operationId,
      tags: ['users'],
      summary,
      description: `${description} Repeating it changes nothing more. The rules are those of the update.`,
      params: Type.Composite([UserPathSchema, kind.path]),
      querystring: DryRunQuery,
      headers: requestHeaders('if-match', 'prefer', 'idempotency-key'),
      response: {
        ...changeAnswers(
          'The user as it is now, with `Prefer: return=representation`.',
          ref(context.contract.User),
          ref(context.contract.UserDryRun),
        ),
        ...problemAnswers([...BODY_PROBLEMS, ...CHANGE_PROBLEMS, 'not_found', 'busy']),
      },
    },

    confirmsCaller: true,

    handler: once(context, async (request, reply) => {
      const userId = idIn(request.params.id!)
      const membership = { field: kind.field, id: await kind.idOf(context, request.params), isMember }
      const update = { ...termsOf(context, request), id: userId, sent: {}, patch: {}, membership }
      return applyUpdate(context, request, reply, update, 'minimal')
    }),
  })

/** `PUT /users/{id}/groups/{group}/` */
export const addUserToGroup = (context: Context) =>
  changeMembership(context, GROUPS, true, {
    operationId: 'addUserToGroup',
    summary: 'Add User to Group',
    description: 'Makes the user a member of the group, whatever its other groups are.',
  })

/** `DELETE /users/{id}/groups/{group}/` */
export const removeUserFromGroup = (context: Context) =>
  changeMembership(context, GROUPS, false, {
    operationId: 'removeUserFromGroup',
    summary: 'Remove User from Group',
    description: 'Ends the membership of the user in the group, whatever its other groups are.',
  })

/** `PUT /users/{id}/permissions/{permission}/` */
export const givePermission = (context: Context) =>
  changeMembership(context, PERMISSIONS, true, {
    operationId: 'giveUserPermission',
    summary: 'Give Permission to User',
    description: 'Gives the permission to the user alone, whatever else it holds.',
  })

/** `DELETE /users/{id}/permissions/{permission}/` */
export const takePermission = (context: Context) =>
  changeMembership(context, PERMISSIONS, false, {
    operationId: 'takeUserPermission',
    summary: 'Take Permission from User',
    description: 'Takes the permission from the user. What its groups confer stays.',
  })
