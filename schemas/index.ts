/** The contract: everything that is published, under the options of one deployment. */
import type { TSchema } from '@sinclair/typebox'
import { EventList, ListedEvent } from './event.js'
import {
  Group,
  GroupList,
  ListedGroup,
  makeGroupCreation,
  makeGroupReplacement,
  makeGroupUpdate,
} from './group.js'
import {
  HeldPermission,
  HeldPermissionList,
  ListedHeldPermission,
  ListedPermission,
  Me,
  Permission,
  PermissionList,
} from './permission.js'
import { JsonPatch } from './patch.js'
import { Problem } from './problem.js'
import { Resources } from './query.js'
import {
  ListedUser,
  makeUserCreation,
  makeUserReplacement,
  makeUserUpdate,
  User,
  UserList,
  type UserSchemaOptions,
} from './user.js'
import { makeUserBulkUpdate, UserBulkResult, UserDryRun } from './user-change.js'

export * from './event.js'
export * from './fields.js'
export * from './group.js'
export * from './headers.js'
export * from './limits.js'
export * from './list.js'
export * from './patch.js'
export * from './permission.js'
export * from './problem.js'
export * from './query.js'
export * from './record.js'
export * from './user.js'
export * from './user-change.js'

/** The contract's own limits: what is published unless a deployment says otherwise. */
export const CONTRACT_DEFAULTS: UserSchemaOptions = { firstNameMaxLength: 30, patchRequired: [] }

/** Every schema that the document publishes by name. */
export const makeContract = (options: UserSchemaOptions) => ({
  User,
  UserUpdate: makeUserUpdate(options),
  UserReplacement: makeUserReplacement(options),
  UserCreation: makeUserCreation(options),
  UserBulkUpdate: makeUserBulkUpdate(options),
  UserBulkResult,
  UserDryRun,
  ListedUser,
  UserList,
  Group,
  GroupUpdate: makeGroupUpdate(options),
  GroupReplacement: makeGroupReplacement(options),
  GroupCreation: makeGroupCreation(options),
  ListedGroup,
  GroupList,
  Permission,
  ListedPermission,
  PermissionList,
  HeldPermission,
  ListedHeldPermission,
  HeldPermissionList,
  Me,
  ListedEvent,
  EventList,
  Resources,
  JsonPatch,
  Problem,
})
export type Contract = ReturnType<typeof makeContract>

/** `schema` by its name. A schema with an `$id` is always used this way: inline and by name don't mix in Fastify. */
export const ref = (schema: TSchema) => ({ $ref: `${schema.$id}#` })
