/** What the package exports. */
export { userAdmin, userAdmin as default, type UserAdminOptions } from './plugin.js'
export { PROBLEMS, ProblemError } from './errors.js'
export { verifyPassword } from './domain/passwords/registry.js'
export { migrate } from './db/migrate.js'
export { User } from '../schemas/user.js'
export type { UserUpdate } from '../schemas/user.js'
export { Problem } from '../schemas/problem.js'
export type { Fault, ProblemCode } from '../schemas/problem.js'
