/** Changes of users beside their body: many at once, what ends with one, and what one would do. */
import { type Static, type TSchema, Type } from '@sinclair/typebox'
import { id } from './fields.js'
import { exampleOf } from './list.js'
import { Problem } from './problem.js'
import { FormatQuery } from './query.js'
import { makeUserUpdate, User, type UserSchemaOptions, type UserUpdate } from './user.js'

const reference = <Schema extends TSchema>({ $id }: Schema) =>
  Type.Unsafe<Static<Schema>>({ $ref: `${$id}#` })

/** What can be revoked of a user. */
export const REVOCABLE = ['keys', 'tokens'] as const
export type Revocable = (typeof REVOCABLE)[number]

const revoke = Type.Optional(
  Type.String({
    pattern: `^(?:${REVOCABLE.join('|')})(?:,(?:${REVOCABLE.join('|')}))*$`,
    'x-pattern-message': `may name ${REVOCABLE.join(' and ')}, separated by a comma`,
    description:
      'What ends with the change: `keys` are the API keys of the user, `tokens` those of Django REST Framework. On deactivation ' +
      'both end unasked.',
  }),
)

/** How one user is changed. */
export const DryRunQuery = Type.Object(
  {
    dry_run: Type.Optional(
      Type.Boolean({
        description:
          'Does everything, takes it back, and answers what would have become of it, as ' +
          '`application/vnd.user-admin.dry-run+json`. `ETag` is that of the user as it is now.',
      }),
    ),
    ...FormatQuery.properties,
  },
  { additionalProperties: false },
)
export type DryRunQuery = Static<typeof DryRunQuery>

/** How one user is changed by a body. */
export const UserUpdateQuery = Type.Object(
  { revoke, ...DryRunQuery.properties },
  { additionalProperties: false },
)
export type UserUpdateQuery = Static<typeof UserUpdateQuery>

const names = (description: string) =>
  Type.Array(Type.String(), { description, examples: [['auth.change_user']] })

const count = (description: string) => Type.Integer({ minimum: 0, description, examples: [1] })

/** What a change would do. */
export const UserDryRun = Type.Object(
  {
    user: reference(User),
    changes: Type.Object(
      {},
      {
        additionalProperties: true,
        description:
          'Each field that would change, with its value before and after (a password as its mask).',
        examples: [{ is_staff: [false, true] }],
      },
    ),
    side_effects: Type.Object(
      {
        sessions_end: Type.Boolean({
          description: 'Whether sessions of the user in Django end: with a new password, or a deactivation.',
          examples: [false],
        }),
        permissions_gained: names('What the user could do then, and can not now.'),
        permissions_lost: names('What the user can do now, and could not then.'),
        api_keys_revoked: count('API keys of the user that would end.'),
        tokens_revoked: count('Tokens of Django REST Framework that would end.'),
      },
      { additionalProperties: false },
    ),
  },
  {
    $id: 'fastify-user-admin/UserDryRun',
    title: 'User dry run',
    description: 'What a change would do. Nothing of it was done.',
    additionalProperties: false,
    examples: [
      {
        user: exampleOf(User),
        changes: { is_staff: [false, true] },
        side_effects: {
          sessions_end: false,
          permissions_gained: [],
          permissions_lost: [],
          api_keys_revoked: 0,
          tokens_revoked: 0,
        },
      },
    ],
  },
)
export type UserDryRun = Static<typeof UserDryRun>

/** Updates of one bulk request, at most, and those of them that may carry a plain password. */
export const MAX_BULK_SIZE = 1_000
export const MAX_BULK_PASSWORDS = 20

const ifMatch = Type.String({
  maxLength: 1_000,
  description:
    'What `If-Match` is for one user: the entity tag that was read. Without it there is no condition.',
})

/** One update of a bulk request. */
export type UserBulkItem = UserUpdate & { if_match?: string }

/** The body of a PATCH of many. */
export function makeUserBulkUpdate(options: UserSchemaOptions) {
  const {
    $id: _id,
    title: _title,
    examples: [example],
    required = [],
    ...item
  } = makeUserUpdate(options)
  const properties = { ...item.properties, if_match: ifMatch }
  return Type.Array(Type.Unsafe<UserBulkItem>({ ...item, properties, required: ['id', ...required] }), {
    $id: 'fastify-user-admin/UserBulkUpdate',
    title: 'User bulk update',
    description: `What to change of which users, each once. At most ${MAX_BULK_PASSWORDS} may carry a plain password.`,
    maxItems: MAX_BULK_SIZE,
    examples: [[{ id: 1, ...example }]],
  })
}

/** What became of each update of a bulk request. */
export const UserBulkResult = Type.Object(
  {
    results: Type.Array(
      Type.Object({
        id: Type.Optional(id({ description: 'The user; absent where the update named none.' })),
        status: Type.Integer({ description: 'The status that this update alone would be answered with.' }),
        etag: Type.Optional(
          Type.String({ description: 'The entity tag of the user as it is now.', examples: ['"rMX0nJ…"'] }),
        ),
        user: Type.Optional(reference(User)),
        problem: Type.Optional(reference(Problem)),
      }),
      { description: 'One for each update, in their order.' },
    ),
  },
  {
    $id: 'fastify-user-admin/UserBulkResult',
    title: 'User bulk result',
    additionalProperties: false,
    examples: [{ results: [{ id: 1, status: 200, user: exampleOf(User) }] }],
  },
)

/** Whether a bulk request is all or nothing. */
export const BulkQuery = Type.Object(
  {
    atomic: Type.Optional(
      Type.Boolean({
        default: true,
        description: 'Whether all updates are applied or none. With `false` each has an outcome of its own.',
      }),
    ),
    revoke,
    ...FormatQuery.properties,
  },
  { additionalProperties: false },
)
export type BulkQuery = Static<typeof BulkQuery>
