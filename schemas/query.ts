/** Parameters of a URL. What is not listed is refused: a misspelt one would silently do something else. */
import { type Static, Type } from '@sinclair/typebox'

/** Django REST Framework's choice of a format, of which there is one here. */
export const FormatQuery = Type.Object(
  {
    format: Type.Optional(
      Type.Unsafe<'json' | ''>({
        type: 'string',
        enum: ['json', ''],
        description: 'Taken for clients of Django REST Framework; every answer is JSON.',
      }),
    ),
  },
  { additionalProperties: false },
)
export type FormatQuery = Static<typeof FormatQuery>

const url = (name: string, description: string) =>
  Type.String({ format: 'uri-reference', description, examples: [`https://service.example/admin/${name}/`] })

/** Where everything is. */
export const Resources = Type.Object(
  {
    users: url('users', 'The users.'),
    groups: url('groups', 'The groups.'),
    permissions: url('permissions', 'The permissions.'),
    events: url('events', 'Who changed what.'),
    me: url('me', 'Who makes the request.'),
  },
  { $id: 'fastify-user-admin/Resources', title: 'Resources', additionalProperties: false },
)
