/** What a mock may be filled with, and the data that have a name. */
import { type Static, Type } from '@sinclair/typebox'
import { Value } from '@sinclair/typebox/value'
import { SetupError } from '../errors.js'

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

/** Fixtures that can't be used; the message says which of them, and what there is. */
export class FixtureError extends SetupError {
  override readonly name = 'FixtureError'
}

const admin = {
  is_superuser: true,
  is_staff: true,
  first_name: 'Admin',
  email: 'admin@example.com',
}

const team = {
  groups: {
    editors: { permissions: ['auth.view_user', 'auth.add_user', 'auth.change_user'] },
    auditors: { permissions: ['auth.view_user', 'auth.view_group', 'auth.view_permission'] },
    nobodies: {},
  },
  users: {
    admin,
    ada: {
      first_name: 'Ada',
      last_name: 'Lovelace',
      email: 'ada@example.com',
      is_staff: true,
      groups: ['editors'],
      permissions: ['auth.view_group'],
    },
    grace: { first_name: 'Grace', last_name: 'Hopper', email: 'grace@example.com', is_staff: true },
    alan: {
      first_name: 'Alan',
      last_name: 'Turing',
      email: 'alan@example.com',
      is_staff: true,
      is_active: false,
      groups: ['editors'],
    },
    mary: { first_name: 'Mary', last_name: 'Somerville', email: 'mary@example.com' },
  },
}

const crowd = Object.fromEntries(
  Array.from({ length: 250 }, (_, index) => String(index + 1).padStart(3, '0')).map((number) => [
    `user-${number}`,
    { first_name: 'User', last_name: number, email: `user-${number}@example.com` },
  ]),
)

/** The fixtures that have a name. */
export const FIXTURES = {
  /** One superuser, `admin`, without whom nobody could call the service. */
  empty: { users: { admin }, groups: {} },
  /**
   * `admin`; `ada`, staff who may change users; `grace`, staff without a permission; `alan`, who is inactive; `mary`, who is
   * no staff. The groups `editors`, `auditors` and `nobodies`.
   */
  team,
  /** The team, and 250 users for lists. */
  crowd: { ...team, users: { ...team.users, ...crowd } },
} satisfies Record<string, Fixtures>

export type FixtureName = keyof typeof FIXTURES

/** The fixtures that are meant by a name, or by data. */
export type FixturesOf<F extends FixtureName | Fixtures> = F extends FixtureName ? (typeof FIXTURES)[F] : F

/** @throws FixtureError for a name that does not exist, and for data that are no fixtures */
export function readFixtures(wanted: unknown): Fixtures {
  if (typeof wanted === 'string') {
    if (Object.hasOwn(FIXTURES, wanted)) return FIXTURES[wanted as FixtureName]
    throw new FixtureError(
      `There are no fixtures "${wanted}"; there are ${Object.keys(FIXTURES).join(', ')}.`,
    )
  }
  const fault = Value.Errors(FixturesSchema, wanted).First()
  if (fault === undefined) return wanted as Fixtures
  throw new FixtureError(`These are no fixtures: ${fault.path || '(all)'}: ${fault.message}.`)
}
