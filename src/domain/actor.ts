/** Who acts: the user behind a credential, and what it may do. */

export interface Actor {
  /** Both null for whoever is no user, and has nothing but permissions. */
  id: number | null
  username: string | null
  isActive: boolean
  isStaff: boolean
  isSuperuser: boolean
  /** Ids of every permission held, its groups' included. A superuser holds all without any being listed. */
  permissions: ReadonlySet<number>
  /** The held permissions of Django's `auth` app, as `auth.codename`. */
  authPermissions: ReadonlySet<string>
  /** How the actor authenticated, such as `api_key:3`: for the audit, never a secret. */
  credential: string
}

/** Which of these permissions the actor lacks. */
export const lacking = (actor: Actor, permissions: Iterable<number>): number[] =>
  actor.isSuperuser ? [] : [...permissions].filter((id) => !actor.permissions.has(id))

/** Whether the actor holds a permission of Django's `auth` app, such as `auth.change_user`. */
export const holds = (actor: Actor, permission: string): boolean =>
  actor.isSuperuser || actor.authPermissions.has(permission)
