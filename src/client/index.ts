/** What `fastify-user-admin/client` exports. Works in Node, Deno and browsers. */
export { type ClientOptions, makeClient, type UserAdminClient } from './make-client.js'
export {
  dataOf,
  type Fault,
  type Problem,
  type ProblemCode,
  ProblemError,
  UnexpectedAnswerError,
} from './problems.js'
export type { Event, EventOptions } from './events.js'
export type { ListOptions, ListPath } from './lists.js'
export type { Fetch, RetryOptions } from './retries.js'
export type { Timing } from './timing.js'
export type { Change, UpdateOptions } from './update.js'
export type { components, operations, paths } from './schema.js'
