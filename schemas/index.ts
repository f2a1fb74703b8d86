/** The contract: everything that is published, under the options of one deployment. */
import type { TSchema } from '@sinclair/typebox'
import { Problem } from './problem.js'
import { makeUserUpdate, User, type UserSchemaOptions } from './user.js'

export * from './fields.js'
export * from './problem.js'
export * from './query.js'
export * from './user.js'

/** The contract's own limits: what is published unless a deployment says otherwise. */
export const CONTRACT_DEFAULTS: UserSchemaOptions = { firstNameMaxLength: 30, patchRequired: [] }

/** Every schema that the document publishes by name. */
export const makeContract = (options: UserSchemaOptions) => ({
  User,
  UserUpdate: makeUserUpdate(options),
  Problem,
})
export type Contract = ReturnType<typeof makeContract>

/** `schema` by its name. A schema with an `$id` is always used this way: inline and by name don't mix in Fastify. */
export const ref = (schema: TSchema) => ({ $ref: `${schema.$id}#` })
