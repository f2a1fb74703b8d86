/** A user in a file: as `export` writes it, and `import` reads it. Not published by the API. */
import { type Static, Type } from '@sinclair/typebox'
import { type FieldLimits, MAX_PERMISSION_NAME_LENGTH, MAX_SET_SIZE, writableUserFields } from './fields.js'

/** Names stand for groups and permissions: their ids differ from directory to directory. */
const nameSet = (maxLength: number) =>
  Type.Array(Type.String({ minLength: 1, maxLength }), { uniqueItems: true, maxItems: MAX_SET_SIZE })

/** The schema of a record: the fields of a new user, by the same limits. */
export function makeUserRecord(limits: FieldLimits) {
  const {
    id: _given,
    username,
    groups: _ids,
    user_permissions: _others,
    ...fields
  } = writableUserFields(limits)
  return Type.Object(
    {
      username,
      ...Type.Partial(
        Type.Object({
          ...fields,
          groups: nameSet(150),
          user_permissions: nameSet(MAX_PERMISSION_NAME_LENGTH),
        }),
      ).properties,
    },
    { additionalProperties: false },
  )
}
export type UserRecord = Static<ReturnType<typeof makeUserRecord>>

/** The fields of a record, in the order in which they are written. */
export const RECORD_FIELDS = [
  'username',
  'password',
  'first_name',
  'last_name',
  'email',
  'is_active',
  'is_staff',
  'is_superuser',
  'date_joined',
  'last_login',
  'groups',
  'user_permissions',
] as const satisfies (keyof UserRecord)[]
