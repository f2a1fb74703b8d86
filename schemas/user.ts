/** The user: as it is answered, as a request may change it, and how users are found. */
import {
  type SchemaOptions,
  type Static,
  type TOptional,
  type TSchema,
  type TString,
  Type,
} from '@sinclair/typebox'
import {
  type FieldLimits,
  idText,
  instant,
  MAX_EMAIL_LENGTH,
  MAX_PERMISSION_NAME_LENGTH,
  readableUserFields,
  storableText,
  writableUserFields,
} from './fields.js'
import type { PatchRequirable } from './limits.js'
import { fieldsParameter, listOf, listQuery, orderingParameter, searchParameter } from './list.js'

export interface UserSchemaOptions extends FieldLimits {
  /** What a PATCH must carry. Empty: a partial update (RFC 5789). */
  patchRequired: readonly PatchRequirable[]
}

/** A user as the service answers it: every field, always. */
export const User = Type.Object(readableUserFields(), {
  $id: 'fastify-user-admin/User',
  title: 'User',
  description: 'A user of the directory.',
  additionalProperties: false,
})
export type User = Static<typeof User>

/** The names of all fields. */
export const USER_FIELDS = Object.keys(User.properties) as (keyof User)[]

const EXAMPLE = { first_name: 'Ada', email: 'ada@example.com', is_staff: true }
const WHOLE_EXAMPLE = { username: 'ada.lovelace', password: 'correct horse battery staple', ...EXAMPLE }

const userUpdate = (limits: FieldLimits) =>
  Type.Partial(Type.Object(writableUserFields(limits)), {
    $id: 'fastify-user-admin/UserUpdate',
    title: 'User update',
    description:
      'What to change. A field that is absent stays as it is; `groups` and `user_permissions` replace the whole set.',
    additionalProperties: false,
    examples: [EXAMPLE],
  })

/** The body of a PATCH. */
export type UserUpdate = Static<ReturnType<typeof userUpdate>>

/** The schema of a PATCH's body under these options. */
export function makeUserUpdate({ patchRequired, ...limits }: UserSchemaOptions) {
  const schema = userUpdate(limits)
  if (patchRequired.length === 0) return schema
  return { ...schema, required: [...patchRequired], examples: [WHOLE_EXAMPLE] } as typeof schema
}

/** What a field is where a whole user is written and it is absent. `date_joined` is then the moment of creation. */
export const USER_DEFAULTS = {
  last_login: null,
  is_superuser: false,
  first_name: '',
  last_name: '',
  email: '',
  is_staff: false,
  is_active: true,
  groups: [],
  user_permissions: [],
} as const satisfies Partial<Record<keyof UserUpdate, unknown>>

const whole = (limits: FieldLimits, options: SchemaOptions) => ({
  ...userUpdate(limits),
  required: ['username', 'password'],
  examples: [WHOLE_EXAMPLE],
  ...options,
})

/** The body of a PUT. */
export const makeUserReplacement = (limits: FieldLimits): TSchema =>
  whole(limits, {
    $id: 'fastify-user-admin/UserReplacement',
    title: 'User replacement',
    // Of user 1 on a new directory, who stays what it must be.
    examples: [{ ...WHOLE_EXAMPLE, username: 'admin', is_superuser: true }],
    description:
      'A whole user. What is absent goes to its default: texts and sets become empty, the flags false, but `is_active` true, and ' +
      '`last_login` null. `date_joined` stays, since its default is the moment when the account was made.',
  })

/** The body of a POST. */
export function makeUserCreation(limits: FieldLimits): TSchema {
  const { properties, ...schema } = whole(limits, {
    $id: 'fastify-user-admin/UserCreation',
    title: 'User creation',
    description: 'A new user. What is absent has its default, as in Django. The id is given by the database.',
  })
  const { id: _given, ...rest } = properties
  return { ...schema, properties: rest }
}

/** The path of one user. A string, as the contract has it: what is no id of a user is 404, not 400. */
export const UserPath = Type.Object({
  id: Type.String({ title: 'ID', description: 'The number that identifies the user.', examples: ['1'] }),
})
export type UserPath = Static<typeof UserPath>

/** Fields by which users can be ordered. */
export const USER_ORDERINGS = [
  'id',
  'username',
  'first_name',
  'last_name',
  'email',
  'last_login',
  'date_joined',
  'is_active',
  'is_staff',
  'is_superuser',
] as const
export type UserOrdering = (typeof USER_ORDERINGS)[number]

/** Django's look-ups of a text: exactly, and whatever its case. */
export const exactly = <Field extends string>(field: Field, maxLength: number) =>
  ({
    [field]: Type.Optional(storableText({ maxLength, description: `Exactly this ${field}.` })),
    [`${field}__iexact`]: Type.Optional(
      storableText({ maxLength, description: `This ${field}, whatever its case.` }),
    ),
  }) as Record<Field | `${Field}__iexact`, TOptional<TString>>

const flag = (description: string) => Type.Optional(Type.Boolean({ description }))

const BOUNDS = {
  gte: 'not before this instant',
  gt: 'after this instant',
  lte: 'not after this instant',
  lt: 'before this instant',
} as const

/** Django's look-ups of a range of instants. */
export const rangeOf = <Field extends string>(field: Field) =>
  Object.fromEntries(
    Object.entries(BOUNDS).map(([name, text]) => [
      `${field}__${name}`,
      Type.Optional(instant({ description: `\`${field}\` is ${text}.` })),
    ]),
  ) as Record<`${Field}__${keyof typeof BOUNDS}`, TOptional<TString>>

/** A group, as users are found by it. */
export const groupFilter = { group: Type.Optional(idText({ description: 'Members of this group (an id).' })) }

/** Every way to find users. */
export const userFilters = {
  ...exactly('username', 150),
  ...exactly('email', MAX_EMAIL_LENGTH),
  is_active: flag('Active users, or those who are not.'),
  is_staff: flag('Staff, or those who are not.'),
  is_superuser: flag('Superusers, or those who are not.'),
  permission: Type.Optional(
    Type.String({
      maxLength: MAX_PERMISSION_NAME_LENGTH,
      description:
        'Who holds this permission (an id, or a name like `auth.change_user`): by itself, through a group, or as a superuser. ' +
        'Inactive users hold none.',
    }),
  ),
  ...rangeOf('last_login'),
  last_login__isnull: flag('Users who never logged in, or those who did.'),
  ...rangeOf('date_joined'),
}

const userListParameters = {
  ...userFilters,
  ...searchParameter('the username, the names or the e-mail address'),
  ...orderingParameter(USER_ORDERINGS),
  ...fieldsParameter(USER_FIELDS),
}

/** How members of a group are found. */
export const MemberListQuery = listQuery(userListParameters)
export type MemberListQuery = Static<typeof MemberListQuery>

/** How users are found. */
export const UserListQuery = listQuery({ ...userListParameters, ...groupFilter })
export type UserListQuery = Static<typeof UserListQuery>

/** A user in a list: those fields that were asked for. */
export const ListedUser = Type.Partial(User, {
  $id: 'fastify-user-admin/ListedUser',
  title: 'Listed user',
  description: 'A user with the `fields` that were asked for: all of them by default.',
  additionalProperties: false,
})
export type ListedUser = Static<typeof ListedUser>

export const UserList = listOf(ListedUser, 'UserList', 'List of users')
