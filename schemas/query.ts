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
