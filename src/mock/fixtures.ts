/** What a mock may be filled with by a name. Apart from their schema, so that the command loads fast. */
import { SetupError } from '../errors.js'
import type { Fixtures } from './read-fixtures.js'

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

/** @throws FixtureError for a name that does not exist */
export function fixturesOf(name: string): Fixtures {
  if (Object.hasOwn(FIXTURES, name)) return FIXTURES[name as FixtureName]
  throw new FixtureError(`There are no fixtures "${name}"; there are ${Object.keys(FIXTURES).join(', ')}.`)
}
