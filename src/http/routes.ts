/** The access table: every URL with its rule. What a route does stands in its own file. */
import type { HTTPMethods } from 'fastify'
import { type Access, everybody, permission, READ_GROUPS, READ_USERS, staff } from './access.js'
import type { Context } from './context.js'
import type { RouteBody } from './route.js'
import { createGroup } from './routes/create-group.js'
import { createUser } from './routes/create-user.js'
import { deleteGroup } from './routes/delete-group.js'
import { deleteUser } from './routes/delete-user.js'
import { listEvents } from './routes/list-events.js'
import { listGroupUsers } from './routes/list-group-users.js'
import { listGroups } from './routes/list-groups.js'
import { listPermissions } from './routes/list-permissions.js'
import { listProblems } from './routes/list-problems.js'
import { listResources } from './routes/list-resources.js'
import { listUserHistory } from './routes/list-user-history.js'
import { listUsers } from './routes/list-users.js'
import { addUserToGroup, givePermission, removeUserFromGroup, takePermission } from './routes/memberships.js'
import { readGroup } from './routes/read-group.js'
import { readMe } from './routes/read-me.js'
import { readPermission } from './routes/read-permission.js'
import { readUser } from './routes/read-user.js'
import { replaceGroup } from './routes/replace-group.js'
import { replaceUser } from './routes/replace-user.js'
import { updateGroup } from './routes/update-group.js'
import { updateUser } from './routes/update-user.js'
import { updateUsers } from './routes/update-users.js'
import { checkUserPermission, listUserPermissions } from './routes/user-permissions.js'

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

const readUsers = permission(...READ_USERS)
const changeUsers = permission('auth.change_user')
const readGroups = permission(...READ_GROUPS)
const changeGroups = permission('auth.change_group')
// And whoever gives permissions must be able to choose among them.
const readPermissions = permission('auth.view_permission', 'auth.change_user', 'auth.change_group')

export const routes = (context: Context): Route[] => [
  route('GET', '/', staff, listResources(context)),

  route('GET', '/users/', readUsers, listUsers(context)),
  route('POST', '/users/', permission('auth.add_user'), createUser(context)),
  route('PATCH', '/users/', changeUsers, updateUsers(context)),
  route('GET', '/users/:id/', readUsers, readUser(context)),
  route('PUT', '/users/:id/', changeUsers, replaceUser(context)),
  route('PATCH', '/users/:id/', changeUsers, updateUser(context)),
  route('DELETE', '/users/:id/', permission('auth.delete_user'), deleteUser(context)),

  route('PUT', '/users/:id/groups/:group/', changeUsers, addUserToGroup(context)),
  route('DELETE', '/users/:id/groups/:group/', changeUsers, removeUserFromGroup(context)),
  route('GET', '/users/:id/permissions/', readUsers, listUserPermissions(context)),
  route('GET', '/users/:id/permissions/:permission/', readUsers, checkUserPermission(context)),
  route('PUT', '/users/:id/permissions/:permission/', changeUsers, givePermission(context)),
  route('DELETE', '/users/:id/permissions/:permission/', changeUsers, takePermission(context)),
  route('GET', '/users/:id/history/', permission('auth.view_user'), listUserHistory(context)),

  route('GET', '/groups/', readGroups, listGroups(context)),
  route('POST', '/groups/', permission('auth.add_group'), createGroup(context)),
  route('GET', '/groups/:id/', readGroups, readGroup(context)),
  route('PUT', '/groups/:id/', changeGroups, replaceGroup(context)),
  route('PATCH', '/groups/:id/', changeGroups, updateGroup(context)),
  route('DELETE', '/groups/:id/', permission('auth.delete_group'), deleteGroup(context)),
  route('GET', '/groups/:id/users/', readUsers, listGroupUsers(context)),

  route('GET', '/permissions/', readPermissions, listPermissions(context)),
  route('GET', '/permissions/:permission/', readPermissions, readPermission(context)),

  route('GET', '/me/', staff, readMe(context)),
  route('GET', '/events/', permission('auth.view_user'), listEvents(context)),
  route('GET', '/problems/', everybody, listProblems()),
]
