/** A user, as stored and as shown. */
import type { User } from '../../schemas/index.js'
import type { StoredUser } from '../db/users.js'
import { maskOf } from './passwords/mask.js'

/** Every field that an update can change. */
export const WRITABLE_FIELDS = [
  'password',
  'last_login',
  'is_superuser',
  'username',
  'first_name',
  'last_name',
  'email',
  'is_staff',
  'is_active',
  'date_joined',
  'groups',
  'user_permissions',
] as const
export type WritableField = (typeof WRITABLE_FIELDS)[number]

/** Whether this is a field that an update can change. */
export const isWritable = (name: string): name is WritableField =>
  (WRITABLE_FIELDS as readonly string[]).includes(name)

/** The fields that hold sets of ids. */
export const SET_FIELDS = ['groups', 'user_permissions'] as const

/** Whether a field is a column of the table of users. */
export const isColumn = (
  field: WritableField,
): field is Exclude<WritableField, (typeof SET_FIELDS)[number]> =>
  !(SET_FIELDS as readonly string[]).includes(field)

/** What anyone may see of one field. */
export const shownValue = (user: StoredUser, field: WritableField): unknown =>
  field === 'password' ? maskOf(user.password) : user[field]

/** What anyone may see of a user: everything but the password's hash. */
export const presentUser = (user: StoredUser): User => ({ ...user, password: maskOf(user.password) })
