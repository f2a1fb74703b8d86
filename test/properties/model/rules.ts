/** Who may do what, as the design states it: written a second time, so that the service is held against something. */
import { isDeepStrictEqual } from 'node:util'
import type { Directory, Group, User } from './directory.js'

/** What is known of an answer. Order says nothing in `errors` and `missing`. */
export interface Reply {
  status: number
  code?: string
  /** `<pointer> <code>` */
  errors?: string[]
  /** The names of permissions that are missing. */
  missing?: string[]
  body?: unknown
}

/** Ends an operation; nothing was changed. */
export class Refusal extends Error {
  constructor(readonly reply: Reply) {
    super(`${reply.status} ${reply.code}`)
  }
}

export function attempt<Result>(operation: () => Result): Result | Refusal {
  try {
    return operation()
  } catch (error) {
    if (error instanceof Refusal) return error
    throw error
  }
}

export const absent = () => new Refusal({ status: 404, code: 'not_found' })
export const invalid = (errors: string[]) => new Refusal({ status: 400, code: 'invalid', errors })
/** Something in the URL: there is no field to name. */
export const badUrl = () => new Refusal({ status: 400, code: 'invalid' })

function denied(directory: Directory, fields: Iterable<string>, missing: Iterable<number>): Refusal {
  const errors = [...fields].map((field) => `/${field} permission_denied`)
  const reply = { status: 403, code: 'permission_denied', errors }
  const names = directory.namesOf(missing)
  return new Refusal(names.length === 0 ? reply : { ...reply, missing: names })
}

/** Who calls, where it may use a route that wants one of these permissions (none named: any staff). */
export function admit(directory: Directory, id: number, anyOf: string[]): User {
  const user = directory.users.get(id)
  if (!user?.is_active || directory.keyless.has(id))
    throw new Refusal({ status: 401, code: 'authentication_failed' })
  const refused = { status: 403, code: 'permission_denied' }
  if (!user.is_staff) throw new Refusal(refused)
  const isAllowed = anyOf.some((name) => directory.allows(user, directory.permissionNamed(name)!))
  if (anyOf.length > 0 && !isAllowed) throw new Refusal({ ...refused, missing: anyOf })
  return user
}

/** What one change is judged by beside its user; changes that are made together share it. */
export interface Facts {
  takenBy: Map<string, number>
  activeSuperusers: Set<number>
}

export const factsOf = ({ users }: Directory): Facts => ({
  takenBy: new Map([...users.values()].map(({ username, id }) => [username, id])),
  activeSuperusers: new Set([...users.values()].filter(isActiveSuperuser).map(({ id }) => id)),
})

export const isActiveSuperuser = ({ is_superuser, is_active }: User) => is_superuser && is_active

export interface UserChange {
  before: User
  after: User
  /** A password that is sent in plain text is a change, whatever it was before. */
  hasNewPassword: boolean
}

/** Fields by which an account is taken over, and those by which one becomes more powerful oneself. */
const TAKEOVER = ['password', 'username', 'email', 'is_active', 'is_staff']
const PRIVILEGES = ['is_staff', 'is_active', 'groups', 'user_permissions']

/** @throws Refusal 403 and 409. A change of nothing is always allowed. */
export function judgeUser(directory: Directory, facts: Facts, actor: User, change: UserChange): void {
  const { before, after, hasNewPassword } = change
  const changed = (Object.keys(before) as (keyof User)[]).filter((field) =>
    field === 'password' ? hasNewPassword : !isDeepStrictEqual(before[field], after[field]),
  )
  if (!actor.is_superuser) objectToUser(directory, actor, change, changed)
  if (!isActiveSuperuser(before) || isActiveSuperuser(after)) return
  requireSuperuserBeside(facts, before)
}

function objectToUser(
  directory: Directory,
  actor: User,
  { before, after }: UserChange,
  changed: string[],
): void {
  const objections = new Objections(changed)
  const held = directory.grantsOf(actor)
  const given = after.user_permissions.filter((id) => !before.user_permissions.includes(id))
  const joined = after.groups.filter((id) => !before.groups.includes(id))
  const conferred = joined.flatMap((id) => directory.groups.get(id)!.permissions)
  if (before.is_superuser) objections.add(changed)
  objections.add(['is_superuser'])
  if (before.id === actor.id) objections.add(PRIVILEGES)
  objections.addLacking(['user_permissions'], lacking(held, given))
  objections.addLacking(['groups'], lacking(held, conferred))
  objections.addLacking(TAKEOVER, lacking(held, directory.grantsOf(before)))
  objections.raise(directory)
}

/** @throws Refusal 409 where no active superuser would remain */
function requireSuperuserBeside({ activeSuperusers }: Facts, user: User): void {
  if ([...activeSuperusers].every((id) => id === user.id))
    throw new Refusal({ status: 409, code: 'last_superuser' })
  activeSuperusers.delete(user.id)
}

/** To delete a user is to deactivate it, for good: also where it is inactive already. */
export function judgeDeletion(directory: Directory, actor: User, user: User): void {
  const change = { before: user, after: user, hasNewPassword: false }
  if (!actor.is_superuser) withoutFields(() => objectToUser(directory, actor, change, ['is_active']))
  if (isActiveSuperuser(user)) requireSuperuserBeside(factsOf(directory), user)
}

/** What is refused without a body names no field. */
export function withoutFields(judge: () => void): void {
  try {
    judge()
  } catch (error) {
    const { errors: _none, ...reply } = (error as Refusal).reply
    throw new Refusal(reply)
  }
}

/** What a group confers, it confers on all members. @throws Refusal 403 */
export function judgeGroup(directory: Directory, actor: User, before: Group, after: Group): void {
  if (actor.is_superuser) return
  const isChanged = !isDeepStrictEqual(before.permissions, after.permissions)
  const objections = new Objections(isChanged ? ['permissions'] : [])
  const given = after.permissions.filter((id) => !before.permissions.includes(id))
  if (actor.groups.includes(before.id)) objections.add(['permissions'])
  objections.addLacking(['permissions'], lacking(directory.grantsOf(actor), given))
  objections.raise(directory)
}

const lacking = (held: ReadonlySet<number>, wanted: Iterable<number>) =>
  [...wanted].filter((id) => !held.has(id))

/** The fields that may not be changed, of those that would be. */
class Objections {
  readonly #fields = new Set<string>()
  readonly #missing = new Set<number>()

  constructor(readonly changed: readonly string[]) {}

  add(fields: readonly string[], missing: readonly number[] = []): void {
    const concerned = fields.filter((field) => this.changed.includes(field))
    for (const field of concerned) this.#fields.add(field)
    if (concerned.length > 0) for (const id of missing) this.#missing.add(id)
  }

  addLacking(fields: readonly string[], missing: readonly number[]): void {
    if (missing.length > 0) this.add(fields, missing)
  }

  raise(directory: Directory): void {
    if (this.#fields.size > 0) throw denied(directory, this.#fields, this.#missing)
  }
}
