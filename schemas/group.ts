/** The group: as it is answered, as a request may change it, and how groups are found. */
import { type SchemaOptions, type Static, type TSchema, Type } from '@sinclair/typebox'
import {
  type FieldLimits,
  fitting,
  id,
  idSet,
  idText,
  MAX_PERMISSION_NAME_LENGTH,
  storableText,
} from './fields.js'
import { fieldsParameter, listOf, listQuery, orderingParameter, searchParameter } from './list.js'
import { exactly } from './user.js'

/** Characters of a group's name: the width of Django's column. */
export const MAX_GROUP_NAME_LENGTH = 150

const texts = {
  id: { title: 'ID', description: 'The number that identifies the group. It never changes.', examples: [1] },
  name: { title: 'Name', description: 'The unique name of the group.', examples: ['editors'] },
  permissions: {
    description: 'The ids of the permissions that every member holds through the group.',
    examples: [[14, 16]],
  },
} as const satisfies Record<string, SchemaOptions>

/** A group as the service answers it. */
export const Group = Type.Object(
  {
    id: id(texts.id),
    name: Type.String({ ...texts.name, maxLength: MAX_GROUP_NAME_LENGTH }),
    permissions: Type.Array(id(), { ...texts.permissions, uniqueItems: true }),
  },
  {
    $id: 'fastify-user-admin/Group',
    title: 'Group',
    description: 'A group of users, who share its permissions.',
    additionalProperties: false,
  },
)
export type Group = Static<typeof Group>

export const GROUP_FIELDS = Object.keys(Group.properties) as (keyof Group)[]

/** What a field is where a whole group is written and it is absent. */
export const GROUP_DEFAULTS = { permissions: [] } as const satisfies Partial<Record<keyof Group, unknown>>

/** The schema of a PATCH's body under these limits. */
export const makeGroupUpdate = ({ columnWidths = {} }: FieldLimits) =>
  Type.Partial(
    Type.Object({
      id: id({
        ...texts.id,
        description: `${texts.id.description} In a body it must equal the id of the URL.`,
      }),
      name: storableText({
        ...texts.name,
        minLength: 1,
        maxLength: fitting(MAX_GROUP_NAME_LENGTH, columnWidths.group_name),
        description: `${texts.name.description} Surrounding white space is removed.`,
        'x-normalize': ['strip'],
      }),
      permissions: idSet(texts.permissions),
    }),
    {
      $id: 'fastify-user-admin/GroupUpdate',
      title: 'Group update',
      description:
        'What to change. A field that is absent stays as it is; `permissions` replaces the whole set.',
      additionalProperties: false,
      examples: [{ name: 'editors' }],
    },
  )

/** The body of a PATCH. */
export type GroupUpdate = Static<ReturnType<typeof makeGroupUpdate>>

/** The body of a PUT. */
export const makeGroupReplacement = (limits: FieldLimits): TSchema => ({
  ...makeGroupUpdate(limits),
  $id: 'fastify-user-admin/GroupReplacement',
  title: 'Group replacement',
  description: 'A whole group. Absent `permissions` become the empty set.',
  required: ['name'],
})

/** The body of a POST. */
export function makeGroupCreation(limits: FieldLimits): TSchema {
  const { id: _given, ...properties } = makeGroupUpdate(limits).properties
  return {
    ...makeGroupReplacement(limits),
    properties,
    $id: 'fastify-user-admin/GroupCreation',
    title: 'Group creation',
    description: 'A new group. The id is given by the database.',
  }
}

/** The path of one group. */
export const GroupPath = Type.Object({
  id: Type.String({ title: 'ID', description: 'The number that identifies the group.', examples: ['1'] }),
})
export type GroupPath = Static<typeof GroupPath>

export const GROUP_ORDERINGS = ['id', 'name'] as const

/** How groups are found. */
export const GroupListQuery = listQuery({
  ...exactly('name', MAX_GROUP_NAME_LENGTH),
  user: Type.Optional(idText({ description: 'Groups of this user (an id).' })),
  permission: Type.Optional(
    Type.String({
      maxLength: MAX_PERMISSION_NAME_LENGTH,
      description: 'Groups that confer this permission (an id, or a name like `auth.change_user`).',
    }),
  ),
  ...searchParameter('the name'),
  ...orderingParameter(GROUP_ORDERINGS),
  ...fieldsParameter(GROUP_FIELDS),
})
export type GroupListQuery = Static<typeof GroupListQuery>

/** A group in a list: those fields that were asked for. */
export const ListedGroup = Type.Partial(Group, {
  $id: 'fastify-user-admin/ListedGroup',
  title: 'Listed group',
  description: 'A group with the `fields` that were asked for: all of them by default.',
  additionalProperties: false,
})
export type ListedGroup = Static<typeof ListedGroup>

export const GroupList = listOf(ListedGroup, 'GroupList', 'List of groups')
