/** What is wrong with a body: by itself, and given what there is. As far as the commands send it. */
import { ascending, type Directory, type Group, type User } from './directory.js'
import type { Facts } from './rules.js'

export type Body = Record<string, unknown>

type Kind = 'integer' | 'text' | 'name' | 'instant' | 'flag' | 'set'

export const USER: Record<string, Kind> = {
  id: 'integer',
  password: 'name',
  last_login: 'instant',
  is_superuser: 'flag',
  username: 'name',
  first_name: 'text',
  last_name: 'text',
  email: 'text',
  is_staff: 'flag',
  is_active: 'flag',
  date_joined: 'instant',
  groups: 'set',
  user_permissions: 'set',
}

export const GROUP: Record<string, Kind> = { id: 'integer', name: 'name', permissions: 'set' }

/** Of a field → what is wrong with it. */
type Faults = Map<string, string>

/** @param required fields that must be there */
export function bodyFaults(body: Body, kinds: Record<string, Kind>, required: string[] = []): Faults {
  const faults: Faults = new Map()
  for (const field of required) if (body[field] === undefined) faults.set(field, 'required')
  for (const [field, value] of Object.entries(body)) {
    if (value === undefined) continue
    const fault = faultOf(kinds[field], value)
    if (fault !== undefined) faults.set(field, fault)
  }
  return faults
}

function faultOf(kind: Kind | undefined, value: unknown): string | undefined {
  if (kind === undefined) return 'unknown'
  if (value === null) return kind === 'instant' ? undefined : 'null'
  if (kind === 'set')
    return new Set(value as number[]).size < (value as number[]).length ? 'duplicate' : undefined
  if (
    typeof value !==
    { integer: 'number', flag: 'boolean', text: 'string', name: 'string', instant: 'string' }[kind]
  )
    return 'invalid_type'
  return kind === 'name' && value === '' ? 'blank' : undefined
}

/** As they are answered. */
export const pointers = (faults: Faults): string[] => [...faults].map(([field, code]) => `/${field} ${code}`)

/** A body without the fields at fault, of which there is nothing more to say. */
export const sound = (body: Body, faults: Faults): Body =>
  Object.fromEntries(Object.entries(body).filter(([field]) => !faults.has(field)))

/** The mask of the hasher that the service is started with. */
const MASK = 'pbkdf2_sha256$********'

const isMask = (password: unknown) => password === '!' || /^\w+\$\*{8}$/.test(password as string)

export const isPlain = ({ password }: Body) => password !== undefined && !isMask(password)

/** A user as a body without faults makes it. */
export function userAfter(before: User, body: Body): User {
  const { password: _password, id: _id, ...fields } = body
  return { ...before, ...sorted(fields), ...(isPlain(body) ? { password: MASK } : {}) } as User
}

export const groupAfter = (before: Group, { id: _id, ...fields }: Body): Group => ({
  ...before,
  ...sorted(fields),
})

const sorted = (fields: Body) =>
  Object.fromEntries(
    Object.entries(fields).map(([name, value]) => [
      name,
      Array.isArray(value) ? value.toSorted(ascending) : value,
    ]),
  )

/** What only the directory knows: names that are taken, ids of nothing, masks of another. */
export function userFaults(directory: Directory, facts: Facts, before: User, body: Body): string[] {
  const { username, password, groups = [], user_permissions = [] } = body
  const faults: string[] = []
  if (password !== undefined && !isPlain(body) && password !== before.password) faults.push('/password mask')
  const holder = facts.takenBy.get(username as string)
  if (holder !== undefined && holder !== before.id) faults.push('/username unique')
  return [
    ...faults,
    ...unknown('groups', groups, directory.groups),
    ...unknown('user_permissions', user_permissions, directory.permissions),
  ]
}

export function groupFaults(directory: Directory, before: Group, { name, permissions = [] }: Body): string[] {
  const isTaken = [...directory.groups.values()].some(
    (other) => other.name === name && other.id !== before.id,
  )
  return [...(isTaken ? ['/name unique'] : []), ...unknown('permissions', permissions, directory.permissions)]
}

const unknown = (field: string, ids: unknown, existing: ReadonlyMap<number, unknown>): string[] =>
  (ids as number[]).flatMap((id, index) => (existing.has(id) ? [] : `/${field}/${index} does_not_exist`))
