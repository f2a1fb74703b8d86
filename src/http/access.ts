/** Who may use a route, and the check of it. Every route says one of these; none says nothing. */
import type { FastifyInstance, RouteOptions } from 'fastify'
import { type Actor, holds } from '../domain/actor.js'
import { ProblemError } from '../errors.js'

/** The rule of one route. */
export type Access =
  | { kind: 'public' }
  /** Any of these credentials that is well-formed: for answers that tell nothing and must not need the database. */
  | { kind: 'credentials' }
  /** Active staff holding any of these permissions, or a superuser who is staff. None named: any staff. */
  | { kind: 'permission'; anyOf: readonly string[] }

export const everybody: Access = { kind: 'public' }
export const anyCredentials: Access = { kind: 'credentials' }
export const staff: Access = { kind: 'permission', anyOf: [] }
export const permission = (...anyOf: string[]): Access => ({ kind: 'permission', anyOf })

// Whoever may change something sees what it changed, so it may read it: Django's admin has it so too.
export const READ_USERS = ['auth.view_user', 'auth.change_user'] as const
export const READ_GROUPS = ['auth.view_group', 'auth.change_group'] as const

/** Whether the actor may use a route with this rule. */
export const isAllowed = (actor: Actor, anyOf: readonly string[]): boolean =>
  actor.isStaff && (anyOf.length === 0 || anyOf.some((name) => holds(actor, name)))

/**
 * @param nameOf what the project calls a permission
 * @throws `permission_denied` where the actor may not use a route with this rule
 */
export function authorize(
  actor: Actor,
  anyOf: readonly string[],
  nameOf: (permission: string) => string = (permission) => permission,
): void {
  if (isAllowed(actor, anyOf)) return
  if (!actor.isStaff) throw new ProblemError('permission_denied', { detail: 'Only staff may use this API.' })
  throw new ProblemError('permission_denied', {
    detail: 'You do not have permission to perform this action.',
    missingPermissions: anyOf.map(nameOf),
  })
}

/** A rule as a route's configuration carries it. */
export const rule = (access: Access): object => ({ access })

/** The rule in a route's configuration. */
export const ruleIn = (config: object | undefined): Access | undefined =>
  (config as { access?: Access } | undefined)?.access

/** Makes the boot fail for a route of this scope that does not say who may use it. */
export function requireRules(app: FastifyInstance): void {
  const all: RouteOptions[] = []
  app.addHook('onRoute', (route) => void all.push(route))
  // Not sooner: hooks of inner scopes may state the rule of routes that are not ours.
  app.addHook('onReady', async () => {
    const open = all
      .filter(({ config }) => ruleIn(config) === undefined)
      .map(({ method, url }) => `${method} ${url}`)
    if (open.length > 0) throw new Error(`These routes do not say who may use them: ${open.join(', ')}`)
  })
}
