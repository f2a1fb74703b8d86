/** The permission: as it is answered, how permissions are found, and what somebody may do. */
import { type Static, Type } from '@sinclair/typebox'
import { id, storableText } from './fields.js'
import { exampleOf, fieldsParameter, listOf, listQuery, orderingParameter, searchParameter } from './list.js'
import { User } from './user.js'

const fields = {
  id: id({ title: 'ID', description: 'The number that identifies the permission.', examples: [14] }),
  permission: Type.String({
    title: 'Permission',
    description: 'What Django calls it: `app_label.codename`, as `has_perm` takes it.',
    examples: ['auth.change_user'],
  }),
  name: Type.String({
    title: 'Name',
    description: 'What it allows, for a person.',
    examples: ['Can change user'],
  }),
  content_type: id({
    title: 'Content type',
    description: 'The id of the type of things that it is about.',
    examples: [4],
  }),
  app_label: Type.String({ description: 'The Django app of that type.', examples: ['auth'] }),
  model: Type.String({ description: 'The Django model of that type.', examples: ['user'] }),
  codename: Type.String({
    title: 'Codename',
    description: 'Its name, unique within the type.',
    examples: ['change_user'],
  }),
}

/** A permission as the service answers it. */
export const Permission = Type.Object(fields, {
  $id: 'fastify-user-admin/Permission',
  title: 'Permission',
  description: 'Something that users may be allowed to do.',
  additionalProperties: false,
})
export type Permission = Static<typeof Permission>

export const PERMISSION_FIELDS = Object.keys(fields) as (keyof Permission)[]

const sources = Type.Object(
  {
    own: Type.Boolean({ description: 'Given to the user alone.' }),
    groups: Type.Array(id(), { description: 'The ids of those of its groups that confer it.' }),
    superuser: Type.Boolean({ description: 'Held as a superuser, who holds every permission.' }),
  },
  { description: 'Where it comes from.', examples: [{ own: false, groups: [1], superuser: false }] },
)

/** A permission that somebody holds. */
export const HeldPermission = Type.Object(
  { ...fields, sources },
  {
    $id: 'fastify-user-admin/HeldPermission',
    title: 'Held permission',
    description: 'A permission that the user holds, and where it comes from.',
    additionalProperties: false,
  },
)
export type HeldPermission = Static<typeof HeldPermission>

/** The path of one permission, by id or `app_label.codename`. */
export const PermissionPath = Type.Object({
  permission: Type.String({
    title: 'Permission',
    description: 'The id of the permission, or `app_label.codename`.',
    examples: ['auth.change_user'],
  }),
})
export type PermissionPath = Static<typeof PermissionPath>

export const PERMISSION_ORDERINGS = ['id', 'name', 'codename', 'app_label', 'model'] as const

const listParameters = {
  codename: Type.Optional(storableText({ maxLength: 100, description: 'Exactly this codename.' })),
  app_label: Type.Optional(storableText({ maxLength: 100, description: 'Of this app.' })),
  model: Type.Optional(storableText({ maxLength: 100, description: 'About this model.' })),
  ...searchParameter('the name, the codename, the app or the model'),
  ...orderingParameter(PERMISSION_ORDERINGS),
}

/** How permissions are found. */
export const PermissionListQuery = listQuery({ ...listParameters, ...fieldsParameter(PERMISSION_FIELDS) })
export type PermissionListQuery = Static<typeof PermissionListQuery>

/** How the permissions of a user are found. */
export const HeldPermissionListQuery = listQuery({
  ...listParameters,
  ...fieldsParameter([...PERMISSION_FIELDS, 'sources']),
})
export type HeldPermissionListQuery = Static<typeof HeldPermissionListQuery>

/** A permission in a list: those fields that were asked for. */
export const ListedPermission = Type.Partial(Permission, {
  $id: 'fastify-user-admin/ListedPermission',
  title: 'Listed permission',
  description: 'A permission with the `fields` that were asked for: all of them by default.',
  additionalProperties: false,
})
export type ListedPermission = Static<typeof ListedPermission>

export const PermissionList = listOf(ListedPermission, 'PermissionList', 'List of permissions')

/** A permission in the list of what a user holds. */
export const ListedHeldPermission = Type.Partial(HeldPermission, {
  $id: 'fastify-user-admin/ListedHeldPermission',
  title: 'Listed held permission',
  description: 'A permission that the user holds, with the `fields` that were asked for.',
  additionalProperties: false,
})
export type ListedHeldPermission = Static<typeof ListedHeldPermission>

export const HeldPermissionList = listOf(
  ListedHeldPermission,
  'HeldPermissionList',
  'List of what a user may do',
)

/** Who makes the request, and what it may do. */
export const Me = Type.Object(
  {
    user: Type.Unsafe<User>({ $ref: `${User.$id}#` }),
    credential: Type.String({
      description: 'How the caller authenticated: `api_key:` and the id of the key, or `token`.',
      examples: ['api_key:3'],
    }),
    permissions: Type.Array(Type.String(), {
      description: 'Everything that the caller may do, as `app_label.codename`.',
      examples: [['auth.change_user', 'auth.view_user']],
    }),
  },
  {
    $id: 'fastify-user-admin/Me',
    title: 'Caller',
    description: 'Who makes the request.',
    additionalProperties: false,
    examples: [{ user: exampleOf(User), credential: 'api_key:3', permissions: ['auth.change_user'] }],
  },
)
export type Me = Static<typeof Me>
