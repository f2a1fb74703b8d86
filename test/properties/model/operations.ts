/** Every operation that writes, on the model: what is answered, and what becomes of the directory. */
import {
  type Body,
  bodyFaults,
  GROUP,
  groupAfter,
  groupFaults,
  isPlain,
  pointers,
  sound,
  USER,
  userAfter,
  userFaults,
} from './bodies.js'
import { ascending, type Directory, type Group, type User } from './directory.js'
import {
  absent,
  admit,
  type Facts,
  factsOf,
  invalid,
  isActiveSuperuser,
  judgeDeletion,
  judgeGroup,
  judgeUser,
  type Reply,
  withoutFields,
} from './rules.js'

export const CHANGE_USERS = ['auth.change_user']

const USER_DEFAULTS = {
  last_login: null,
  is_superuser: false,
  first_name: '',
  last_name: '',
  email: '',
  is_staff: false,
  is_active: true,
  groups: [],
  user_permissions: [],
}

/** Before they are made. */
const NO_USER: User = { ...USER_DEFAULTS, id: 0, username: '', password: '', date_joined: '' }
const NO_GROUP: Group = { id: 0, name: '', permissions: [] }

/** What the database decided of something new. */
export type Made = Partial<Pick<User, 'id' | 'date_joined'>>

/** @throws Refusal 400 with all faults, those of the directory included where there is a user */
function requireSoundUser(
  directory: Directory,
  before: User | undefined,
  body: Body,
  required: string[],
): void {
  const faults = bodyFaults(body, USER, required)
  if (faults.size === 0) return
  const others = before ? userFaults(directory, factsOf(directory), before, sound(body, faults)) : []
  throw invalid([...pointers(faults), ...others])
}

/** Decides a change by a body without faults of its own. */
export function changedUser(
  directory: Directory,
  facts: Facts,
  actor: User,
  before: User | undefined,
  body: Body,
): User {
  if (before === undefined) throw absent()
  const faults = userFaults(directory, facts, before, body)
  if (faults.length > 0) throw invalid(faults)
  const after = userAfter(before, body)
  judgeUser(directory, facts, actor, { before, after, hasNewPassword: isPlain(body) })
  facts.takenBy.set(after.username, after.id)
  if (isActiveSuperuser(after)) facts.activeSuperusers.add(after.id)
  return after
}

function writeUser(directory: Directory, by: number, id: number, body: Body, required: string[]): Reply {
  const actor = admit(directory, by, CHANGE_USERS)
  const before = directory.users.get(id)
  requireSoundUser(directory, before, body, required)
  const user = changedUser(directory, factsOf(directory), actor, before, body)
  directory.write(user)
  return { status: 200, body: user }
}

export const patchUser = (directory: Directory, by: number, id: number, body: Body): Reply =>
  writeUser(directory, by, id, body, [])

export const putUser = (directory: Directory, by: number, id: number, body: Body): Reply =>
  writeUser(directory, by, id, { ...USER_DEFAULTS, ...body }, ['username', 'password'])

export function createUser(directory: Directory, by: number, body: Body, made: Made): Reply {
  const actor = admit(directory, by, ['auth.add_user'])
  const whole = { ...USER_DEFAULTS, ...body }
  requireSoundUser(directory, NO_USER, whole, ['username', 'password'])
  const user = { ...changedUser(directory, factsOf(directory), actor, NO_USER, whole), ...made }
  directory.write(user)
  return { status: 201, body: user }
}

export function deleteUser(directory: Directory, by: number, id: number): Reply {
  const actor = admit(directory, by, ['auth.delete_user'])
  const user = directory.users.get(id)
  if (user === undefined) throw absent()
  judgeDeletion(directory, actor, user)
  directory.users.delete(id)
  return { status: 204 }
}

export interface Membership {
  user: number
  field: 'groups' | 'user_permissions'
  /** The id of the group, or of the permission. */
  of: number
  isMember: boolean
}

export function changeMembership(directory: Directory, by: number, membership: Membership): Reply {
  const { user: id, field, of, isMember } = membership
  const actor = admit(directory, by, CHANGE_USERS)
  const before = directory.users.get(id)
  const existing: ReadonlyMap<number, unknown> = field === 'groups' ? directory.groups : directory.permissions
  if (before === undefined || !existing.has(of)) throw absent()
  const others = before[field].filter((other) => other !== of)
  const body = { [field]: isMember ? [...others, of].toSorted(ascending) : others }
  const facts = factsOf(directory)
  withoutFields(() => directory.write(changedUser(directory, facts, actor, before, body)))
  return { status: 204 }
}

/** @param id undefined for a new one */
function writeGroup(
  directory: Directory,
  actor: User,
  id: number | undefined,
  body: Body,
  required: string[],
): Group {
  const before = id === undefined ? NO_GROUP : directory.groups.get(id)
  const faults = bodyFaults(body, GROUP, required)
  if (faults.size > 0) {
    const others = before ? groupFaults(directory, before, sound(body, faults)) : []
    throw invalid([...pointers(faults), ...others])
  }
  if (before === undefined) throw absent()
  const others = groupFaults(directory, before, body)
  if (others.length > 0) throw invalid(others)
  const after = groupAfter(before, body)
  judgeGroup(directory, actor, before, after)
  return after
}

export function createGroup(directory: Directory, by: number, body: Body, { id }: Made): Reply {
  const actor = admit(directory, by, ['auth.add_group'])
  const group = { ...writeGroup(directory, actor, undefined, body, ['name']), id: id! }
  directory.groups.set(group.id, group)
  return { status: 201, body: group }
}

export function patchGroup(
  directory: Directory,
  by: number,
  id: number,
  body: Body,
  required: string[] = [],
): Reply {
  const actor = admit(directory, by, ['auth.change_group'])
  const group = writeGroup(directory, actor, id, body, required)
  directory.groups.set(id, group)
  return { status: 200, body: group }
}

export const putGroup = (directory: Directory, by: number, id: number, body: Body): Reply =>
  patchGroup(directory, by, id, { permissions: [], ...body }, ['name'])

export function deleteGroup(directory: Directory, by: number, id: number): Reply {
  const actor = admit(directory, by, ['auth.delete_group'])
  const group = directory.groups.get(id)
  if (group === undefined) throw absent()
  withoutFields(() => judgeGroup(directory, actor, group, { ...group, permissions: [] }))
  directory.deleteGroup(id)
  return { status: 204 }
}
