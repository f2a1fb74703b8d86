/** The user: as it is answered, and as a request may change it. */
import { type Static, Type } from '@sinclair/typebox'
import { type FieldLimits, readableUserFields, writableUserFields } from './fields.js'

/** Fields that `PATCH_REQUIRED` may make mandatory: those that the contract prints as required. */
export const PATCH_REQUIRABLE = ['username', 'password'] as const
export type PatchRequirable = (typeof PATCH_REQUIRABLE)[number]

export interface UserSchemaOptions extends FieldLimits {
  /** What a PATCH must carry. Empty: a partial update (RFC 5789). */
  patchRequired: readonly PatchRequirable[]
}

/** A user as the service answers it: every field, always. */
export const User = Type.Object(readableUserFields(), {
  $id: 'fastify-user-admin/User',
  title: 'User',
  description: 'A user of the directory.',
  additionalProperties: false,
})
export type User = Static<typeof User>

const userUpdate = (limits: FieldLimits) =>
  Type.Partial(Type.Object(writableUserFields(limits)), {
    $id: 'fastify-user-admin/UserUpdate',
    title: 'User update',
    description:
      'What to change. A field that is absent stays as it is; `groups` and `user_permissions` replace the whole set.',
    additionalProperties: false,
    examples: [{ first_name: 'Ada', email: 'ada@example.com', is_staff: true }],
  })

/** The body of a PATCH. */
export type UserUpdate = Static<ReturnType<typeof userUpdate>>

/** The schema of a PATCH's body under these options. */
export function makeUserUpdate({ patchRequired, ...limits }: UserSchemaOptions) {
  const schema = userUpdate(limits)
  if (patchRequired.length === 0) return schema
  const example = {
    username: 'ada.lovelace',
    password: 'correct horse battery staple',
    ...schema.examples[0],
  }
  return { ...schema, required: [...patchRequired], examples: [example] } as typeof schema
}

/** The path of one user. A string, as the contract has it: what is no id of a user is 404, not 400. */
export const UserPath = Type.Object({
  id: Type.String({ title: 'ID', description: 'The number that identifies the user.', examples: ['7'] }),
})
export type UserPath = Static<typeof UserPath>
