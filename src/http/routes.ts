/** The access table: every URL with its rule. What a route does stands in its own file. */
import type { HTTPMethods } from 'fastify'
import { type Access, everybody, permission } from './access.js'
import type { Context } from './context.js'
import type { RouteBody } from './route.js'
import { listProblems } from './routes/list-problems.js'
import { readUser } from './routes/read-user.js'
import { updateUser } from './routes/update-user.js'

/** One operation of the API. */
export interface Route extends RouteBody {
  method: HTTPMethods
  /** Below the prefix. With a final slash, as Django has it; the same without one is served too. */
  url: string
  access: Access
}

const route = (method: HTTPMethods, url: string, access: Access, body: RouteBody): Route => ({
  method,
  url,
  access,
  ...body,
})

export const routes = (context: Context): Route[] => [
  // Whoever may change users sees what it changed, so it may read them: Django's admin has it so too.
  route('GET', '/users/:id/', permission('auth.view_user', 'auth.change_user'), readUser(context)),
  route('PATCH', '/users/:id/', permission('auth.change_user'), updateUser(context)),
  route('GET', '/problems/', everybody, listProblems()),
]
