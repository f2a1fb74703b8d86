/** The patch formats beside plain JSON. */
import { type Static, Type } from '@sinclair/typebox'

/** Operations of one patch, at most. */
export const MAX_OPERATIONS = 1_000

const OPERATIONS = ['add', 'remove', 'replace', 'move', 'copy', 'test'] as const

const pointer = (description: string) => Type.String({ maxLength: 200, description, examples: ['/groups/-'] })

/** A JSON Patch (RFC 6902). */
export const JsonPatch = Type.Array(
  Type.Object(
    {
      op: Type.Unsafe<(typeof OPERATIONS)[number]>({
        type: 'string',
        enum: [...OPERATIONS],
        description: 'What to do.',
      }),
      path: pointer('Where: a field, or an element of a set; `-` is the end of a set.'),
      from: Type.Optional(pointer('Where `move` and `copy` take the value from.')),
      value: Type.Optional(Type.Unknown({ description: 'What `add`, `replace` and `test` want.' })),
    },
    // RFC 6902 §4: members that are not defined are ignored.
    { additionalProperties: true },
  ),
  {
    $id: 'fastify-user-admin/JsonPatch',
    title: 'JSON Patch',
    description:
      'Operations (RFC 6902), applied in their order, all or none. `add` to `/groups/-` adds to the set; what is in it already ' +
      'stays in it once. A place in a set by its number wants `If-Match`, since it means something in one state alone. `test`, ' +
      '`copy` and `move` can not touch `/password`.',
    maxItems: MAX_OPERATIONS,
    examples: [[{ op: 'replace', path: '/first_name', value: 'Ada' }]],
  },
)
export type PatchOperation = Static<typeof JsonPatch>[number]
