/** Fixtures as they are given: by a name, or as data that are held to a schema. */
import { type Static, Type } from '@sinclair/typebox'
import { Value } from '@sinclair/typebox/value'
import { FixtureError, fixturesOf } from './fixtures.js'

/** Names such as `auth.view_user`. */
const Permissions = Type.Array(Type.String({ pattern: String.raw`^\w+\.\w+$` }))
const only = { additionalProperties: false } as const

const UserFixture = Type.Object(
  {
    first_name: Type.String(),
    last_name: Type.String(),
    email: Type.String(),
    is_superuser: Type.Boolean(),
    is_staff: Type.Boolean(),
    /** True by default, unlike the other flags. */
    is_active: Type.Boolean(),
    /** By their names. */
    groups: Type.Array(Type.String()),
    permissions: Permissions,
    /** An API key of the user's, for one that is made of the username. */
    key: Type.String({ pattern: String.raw`^uak_[\w-]{43}$` }),
  },
  only,
)

const FixturesSchema = Type.Object(
  {
    users: Type.Record(Type.String({ minLength: 1, maxLength: 150 }), Type.Partial(UserFixture, only)),
    groups: Type.Optional(
      Type.Record(
        Type.String({ minLength: 1, maxLength: 150 }),
        Type.Object({ permissions: Type.Optional(Permissions) }, only),
      ),
    ),
  },
  only,
)

/** Users by their usernames, and groups by their names. They get ids from 1, in the order in which they are written. */
export type Fixtures = Static<typeof FixturesSchema>

/** @throws FixtureError for a name that does not exist, and for data that are no fixtures */
export function readFixtures(wanted: unknown): Fixtures {
  if (typeof wanted === 'string') return fixturesOf(wanted)
  const fault = Value.Errors(FixturesSchema, wanted).First()
  if (fault === undefined) return wanted as Fixtures
  throw new FixtureError(`These are no fixtures: ${fault.path || '(all)'}: ${fault.message}.`)
}
