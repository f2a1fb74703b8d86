/** The requests that are made unasked. None of them changes anything: each is a reading, a no-op, or refused. */
import type { Request } from './exchange.js'

export type Fields = Record<string, unknown>

const HIGHEST_ID = 2_147_483_647

const userPath = (id: number | string) => `/users/${id}/`

export const readUser = (id: number): Request => ({
  name: `user ${id}: read`,
  method: 'GET',
  path: userPath(id),
})

export const patchUser = (id: number, name: string, fields: Fields): Request => ({
  name: `user ${id}: ${name}`,
  method: 'PATCH',
  path: userPath(id),
  body: JSON.stringify(fields),
})

/**
 * Of a user as both sides show it, what can be sent back and changes nothing. Never a password, since Django would hash what
 * it has shown; no text that a serializer trims or normalises, and no time that Django writes with less than it stores.
 */
export function unchangedFields(django: Fields, service: Fields): Fields {
  const isSafe = (name: string): boolean => {
    const value = service[name]
    if (name === 'id' || name === 'password' || !(name in django)) return false
    return typeof value !== 'string' || (value === value.trim().normalize('NFKC') && value === django[name])
  }
  return Object.fromEntries(
    Object.keys(service)
      .filter(isSafe)
      .map((name) => [name, service[name]]),
  )
}

/** Of no field's type. One request, which no serializer takes that writes any of them. */
export const WRONG_TYPES: Fields = {
  password: {},
  last_login: {},
  is_superuser: {},
  username: {},
  first_name: {},
  last_name: {},
  email: {},
  is_staff: {},
  is_active: {},
  date_joined: {},
  groups: 'none',
  user_permissions: 'none',
}

const FAULTS: [name: string, field: string, value: unknown][] = [
  ['a blank username', 'username', ''],
  ['a username with a space', 'username', 'a b'],
  ['a username of 151 characters', 'username', 'x'.repeat(151)],
  ['a blank password', 'password', ''],
  ['a password of 129 characters', 'password', 'x'.repeat(129)],
  ['a first name of 31 characters', 'first_name', 'x'.repeat(31)],
  ['a first name of 151 characters', 'first_name', 'x'.repeat(151)],
  ['a last name of 151 characters', 'last_name', 'x'.repeat(151)],
  ['no e-mail address', 'email', 'nowhere'],
  [
    'an e-mail address of 255 characters',
    'email',
    `${'x'.repeat(60)}@${`${'x'.repeat(60)}.`.repeat(3)}${'x'.repeat(11)}`,
  ],
  ['a day that there is not', 'last_login', '2023-02-29T12:00:00Z'],
  ['a time without zone', 'last_login', '2024-02-29T12:00:00'],
  ['date_joined null', 'date_joined', null],
  ['is_superuser null', 'is_superuser', null],
  ['is_staff a text', 'is_staff', 'true'],
  ['is_active null', 'is_active', null],
  ['an unknown group', 'groups', [HIGHEST_ID]],
  ['groups as an object', 'groups', {}],
  ['an unknown permission', 'user_permissions', [HIGHEST_ID]],
  ['the id of another user', 'id', HIGHEST_ID],
  ['a field that there is not', 'no_such_field', 1],
]

/**
 * One value for each rule of a field. Should a side allow it, the request is refused all the same: it has another field,
 * of a wrong type, of which both sides have just said that they refuse it.
 * @param refused those fields
 */
export function faultyRequests(id: number, refused: readonly string[]): Request[] {
  return FAULTS.flatMap(([name, field, value]) => {
    const other = refused.find((candidate) => candidate !== field)
    return other === undefined ? [] : [patchUser(id, name, { [field]: value, [other]: WRONG_TYPES[other] })]
  })
}

/**
 * What is refused before a field is looked at.
 * @param read how the user is read
 */
export const refusedRequests = (id: number, read: Request): Request[] => [
  { ...patchUser(id, 'no JSON', {}), body: '{' },
  { ...patchUser(id, 'a list', {}), body: '[]' },
  {
    ...patchUser(id, 'a body that says it is a text', {}),
    headers: new Headers({ 'content-type': 'text/plain' }),
  },
  { ...patchUser(id, 'without credentials', {}), credentials: 'none' },
  { ...patchUser(id, 'with wrong credentials', {}), credentials: 'wrong' },
  { ...read, name: `user ${id}: without the final slash`, path: userPath(id).slice(0, -1) },
]

/** What concerns no user. */
export const OTHER_REQUESTS: Request[] = [
  { name: 'an unknown user', method: 'GET', path: userPath(HIGHEST_ID) },
  { name: 'an unknown user: empty PATCH', method: 'PATCH', path: userPath(HIGHEST_ID), body: '{}' },
  { name: 'an id that is no number', method: 'GET', path: userPath('x') },
  { name: 'an unknown path', method: 'GET', path: '/no-such-path/' },
]
