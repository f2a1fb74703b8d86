/** The directory as it ought to be, in memory. Nothing here or in `rules.ts` and `operations.ts` comes from `src/`. */

export interface User {
  id: number
  /** The mask: what else is stored nobody sees. */
  password: string
  last_login: string | null
  is_superuser: boolean
  username: string
  first_name: string
  last_name: string
  email: string
  is_staff: boolean
  is_active: boolean
  date_joined: string
  /** Ascending, as is every set of ids. */
  groups: number[]
  user_permissions: number[]
}

export interface Group {
  id: number
  name: string
  permissions: number[]
}

export interface Permission {
  id: number
  /** `app_label.codename` */
  permission: string
  name: string
  content_type: number
  app_label: string
  model: string
  codename: string
}

export const ascending = (a: number, b: number) => a - b

/** Users and groups are replaced, never changed: whoever holds one holds what it was. */
export class Directory {
  users = new Map<number, User>()
  groups = new Map<number, Group>()
  /** Users whose keys were revoked: they stay so. */
  keyless = new Set<number>()

  /** @param permissions all that exist: they come and go with Django's migrations alone */
  constructor(readonly permissions: ReadonlyMap<number, Permission>) {}

  copy(): Directory {
    return Object.assign(new Directory(this.permissions), {
      users: new Map(this.users),
      groups: new Map(this.groups),
      keyless: new Set(this.keyless),
    })
  }

  /** Writes a user. Whoever is deactivated loses every key. */
  write(user: User): void {
    if (this.users.get(user.id)?.is_active && !user.is_active) this.keyless.add(user.id)
    this.users.set(user.id, user)
  }

  /** What a user was given, by itself or through groups: inactive users keep it, though it is of no use to them. */
  grantsOf({ user_permissions, groups }: User): Set<number> {
    return new Set([...user_permissions, ...groups.flatMap((id) => this.groups.get(id)!.permissions)])
  }

  /** Whether a user may do this. Inactive: nothing; a superuser: everything. */
  allows(user: User, permission: number): boolean {
    return user.is_active && (user.is_superuser || this.grantsOf(user).has(permission))
  }

  permissionNamed(name: string): number | undefined {
    return [...this.permissions.values()].find(({ permission }) => permission === name)?.id
  }

  namesOf(permissions: Iterable<number>): string[] {
    return [...permissions].map((id) => this.permissions.get(id)!.permission)
  }

  deleteGroup(id: number): void {
    this.groups.delete(id)
    for (const user of this.users.values())
      this.users.set(user.id, { ...user, groups: user.groups.filter((group) => group !== id) })
  }
}

/** How users are found. */
export interface Search {
  is_active?: boolean
  is_staff?: boolean
  is_superuser?: boolean
  group?: number
  /** An id, or `app_label.codename`. */
  permission?: string
  search?: string
  ordering?: string
}

/** Everyone whom the filters let through, in the order that is asked for. */
export function findUsers(directory: Directory, search: Search, permission: number | undefined): User[] {
  const { is_active, is_staff, is_superuser, group, search: words = '', ordering = 'id' } = search
  const isFound = (user: User) =>
    (is_active ?? user.is_active) === user.is_active &&
    (is_staff ?? user.is_staff) === user.is_staff &&
    (is_superuser ?? user.is_superuser) === user.is_superuser &&
    (group === undefined || user.groups.includes(group)) &&
    (permission === undefined || directory.allows(user, permission)) &&
    words.split(' ').every((word) => searched(user).includes(word.toLowerCase()))
  return [...directory.users.values()].filter(isFound).sort(inOrder(`${ordering},id`.split(',')))
}

const searched = ({ username, first_name, last_name, email }: User) =>
  [username, first_name, last_name, email].join(' ').toLowerCase()

const inOrder = (names: string[]) => (one: User, other: User) => {
  for (const name of names) {
    const field = name.replace('-', '') as keyof User
    const sign = name.startsWith('-') ? -1 : 1
    const difference = compare(one[field], other[field])
    if (difference !== 0) return sign * difference
  }
  return 0
}

/** As PostgreSQL: null comes last, false before true. */
function compare(one: unknown, other: unknown): number {
  if (one === other) return 0
  if (one === null || other === null) return one === null ? 1 : -1
  return (one as number) < (other as number) ? -1 : 1
}
