/** Every operation that reads, on the model: what is answered. */
import {
  type Directory,
  findUsers,
  type Group,
  type Permission,
  type Search,
  type User,
} from './directory.js'
import { absent, admit, badUrl, type Reply } from './rules.js'

const READ_USERS = ['auth.view_user', 'auth.change_user']
const READ_GROUPS = ['auth.view_group', 'auth.change_group']

const found = <Thing>(thing: Thing | undefined): Thing => {
  if (thing === undefined) throw absent()
  return thing
}

export function readUser(directory: Directory, by: number, id: number): Reply {
  admit(directory, by, READ_USERS)
  return { status: 200, body: found(directory.users.get(id)) }
}

export function readGroup(directory: Directory, by: number, id: number): Reply {
  admit(directory, by, READ_GROUPS)
  return { status: 200, body: found(directory.groups.get(id)) }
}

/** A permission as it is held, and from where. */
function held(directory: Directory, user: User, permission: Permission) {
  const confers = (id: number) => directory.groups.get(id)!.permissions.includes(permission.id)
  const sources = {
    own: user.user_permissions.includes(permission.id),
    groups: user.groups.filter(confers),
    superuser: user.is_superuser,
  }
  return { ...permission, sources }
}

export function heldPermissions(directory: Directory, by: number, id: number): Reply {
  admit(directory, by, READ_USERS)
  const user = found(directory.users.get(id))
  const all = [...directory.permissions.values()].filter((permission) =>
    directory.allows(user, permission.id),
  )
  return page(
    all.map((permission) => held(directory, user, permission)),
    1,
    100,
  )
}

export function checkPermission(directory: Directory, by: number, id: number, permission: number): Reply {
  admit(directory, by, READ_USERS)
  const user = found(directory.users.get(id))
  const wanted = found(directory.permissions.get(permission))
  if (!directory.allows(user, permission)) throw absent()
  return { status: 200, body: held(directory, user, wanted) }
}

export function me(directory: Directory, by: number, credential: string): Reply {
  const user = admit(directory, by, [])
  const all = [...directory.permissions.keys()].filter((id) => directory.allows(user, id))
  return { status: 200, body: { user, credential, permissions: directory.namesOf(all).sort() } }
}

export interface Paging {
  page?: number
  page_size?: number
}

/** A page of a list; of the links, whether they are there. */
function page(all: readonly unknown[], number: number, size: number): Reply {
  const results = all.slice((number - 1) * size, number * size)
  if (number > 1 && results.length === 0) throw absent()
  return {
    status: 200,
    body: { count: all.length, next: number * size < all.length, previous: number > 1, results },
  }
}

/** Everyone who fits, on pages to come. */
export function findAll(directory: Directory, by: number, search: Search): User[] {
  admit(directory, by, READ_USERS)
  const { group, permission } = search
  const reference = /^\d+$/.test(permission ?? '')
    ? Number(permission)
    : directory.permissionNamed(permission ?? '')
  const isUnknown = permission !== undefined && !directory.permissions.has(reference!)
  if (isUnknown || (group !== undefined && !directory.groups.has(group))) throw badUrl()
  return findUsers(directory, search, reference)
}

export function listUsers(directory: Directory, by: number, search: Search, paging: Paging): Reply {
  return page(findAll(directory, by, search), paging.page ?? 1, paging.page_size ?? 100)
}

export function groupUsers(directory: Directory, by: number, id: number): Reply {
  admit(directory, by, READ_USERS)
  const group: Group = found(directory.groups.get(id))
  return listUsers(directory, by, { group: group.id }, {})
}
