import {
  type PatchOperation,
  ref,
  requestHeaders,
  type UserPath,
  UserPath as UserPathSchema,
  type UserUpdate,
  UserUpdateQuery,
} from '../../../schemas/index.js'
import { type CheckedBody, type CheckedList, parseId } from '../../domain/accept-update.js'
import { applyUpdate } from '../apply-update.js'
import type { Context } from '../context.js'
import { once } from '../idempotency.js'
import {
  BODY_PROBLEMS,
  CHANGE_PROBLEMS,
  changeAnswers,
  defineRoute,
  JSON_PATCH_MEDIA_TYPE,
  patchBody,
  patchIn,
  problemAnswers,
} from '../route.js'
import { readyRevision, readyUpdate } from '../updates.js'

/** `PATCH /users/{id}/` */
export const updateUser = (context: Context) =>
  defineRoute<{ Params: UserPath }>({
    schema: {
      operationId: 'updateUser',
      tags: ['users'],
      summary: 'Update Users',
      description:
        'Changes one user. Fields that are absent stay as they are; `groups` and `user_permissions` replace the ' +
        'whole set. A user that was read may be sent back as it is: that changes nothing.\n\n' +
        '**Who may.** A caller without superuser status can give only permissions that it holds itself, can not change its own ' +
        'privileges or a superuser, and can not take over an account that may do more than itself.\n\n' +
        '**At the same time.** Only the fields that are sent are written, so changes of different fields do not get in each ' +
        "other's way. With `If-Match` nobody overwrites what they have not seen: send the `ETag` that was read.\n\n" +
        '**Formats.** Plain JSON, JSON Merge Patch (RFC 7396), which says the same, and JSON Patch (RFC 6902), which can add to a ' +
        'set or take from it. Unknown fields are refused; `Prefer: handling=lenient` drops them instead.\n\n' +
        '**What ends with a new password.** Sessions in Django end by themselves: each holds an HMAC of the stored password. API ' +
        'keys of this service and tokens of Django REST Framework do not depend on it, and live on unless `revoke=keys,tokens` ' +
        'says otherwise. On deactivation both are revoked in any case, so that a later activation does not bring them back.',
      params: UserPathSchema,
      querystring: UserUpdateQuery,
      headers: requestHeaders('if-match', 'prefer', 'idempotency-key'),
      body: patchBody(context.contract.UserUpdate),
      response: {
        ...changeAnswers(
          'The user as it is now.',
          ref(context.contract.User),
          ref(context.contract.UserDryRun),
        ),
        ...problemAnswers([
          ...BODY_PROBLEMS,
          ...CHANGE_PROBLEMS,
          'not_found',
          'last_superuser',
          'patch_conflict',
          'busy',
        ]),
      },
    },

    confirmsCaller: true,

    handler: once(context, async (request, reply) => {
      const id = parseId(request.params.id)
      const update =
        request.mediaType === JSON_PATCH_MEDIA_TYPE
          ? await readyRevision(context, request, reply, id, patchIn(request) as CheckedList<PatchOperation>)
          : await readyUpdate(context, request, reply, id, patchIn(request) as CheckedBody<UserUpdate>)
      return applyUpdate(context, request, reply, update)
    }),
  })
