/** From the credentials of requests to the users behind them. */
import {
  type CallerRow,
  findCallersByApiKey,
  findCallersByEmail,
  findCallersByPermissions,
  findCallersByToken,
  findCallersByUsername,
} from '../db/callers.js'
import type { Queryable } from '../db/database.js'
import type { Actor } from './actor.js'

/** What a request says it may be known by. */
export interface Credential {
  kind: keyof typeof LOOKUPS
  /**
   * The SHA-256 of an API key in hex, a token of Django REST Framework, or what a JWT was verified to say: a username, an e-mail
   * address, or names of permissions with a space between them.
   */
  value: string
  /** Who a JWT was issued to. */
  subject?: string
}

const LOOKUPS = {
  api_key: findCallersByApiKey,
  token: findCallersByToken,
  username: findCallersByUsername,
  email: findCallersByEmail,
  permissions: findCallersByPermissions,
} satisfies Record<string, (db: Queryable, values: string[]) => Promise<CallerRow[]>>

/** Whoever makes a request. */
export interface Caller {
  readonly credential: Credential
  /** As last looked up, which may have been for an earlier request. Nothing is decided with it before `admit`. */
  readonly actor: Actor
  /** Whether the actor was looked up for this request. */
  readonly isConfirmed: boolean
  /**
   * Takes what the credential was found to be.
   * @returns the actor, with what it may do now
   * @throws ProblemError where it may not make this request (401, 403)
   */
  admit(found: Actor | undefined): Actor
}

/** The users of these credentials, in their order. Undefined for one that is unknown, expired, revoked, or not one user's alone. */
export async function findActors(
  db: Queryable,
  credentials: readonly Credential[],
): Promise<(Actor | undefined)[]> {
  const kinds = [...new Set(credentials.map(({ kind }) => kind))]
  const found = new Map(
    await Promise.all(
      kinds.map(async (kind) => {
        const values = new Set(credentials.filter((one) => one.kind === kind).map(({ value }) => value))
        return [kind, byCredential(await LOOKUPS[kind](db, [...values]))] as const
      }),
    ),
  )
  return credentials.map((credential) => {
    const row = found.get(credential.kind)!.get(credential.value)
    return row && actorOf(row, credential)
  })
}

/** Two users may have one e-mail address: then it is nobody's credential. */
function byCredential(rows: readonly CallerRow[]): Map<string, CallerRow | undefined> {
  const callers = new Map<string, CallerRow | undefined>()
  for (const row of rows) callers.set(row.credential, callers.has(row.credential) ? undefined : row)
  return callers
}

const actorOf = (caller: CallerRow, { kind, subject }: Credential): Actor => ({
  id: caller.id,
  username: caller.username,
  isActive: caller.is_active,
  isStaff: caller.is_staff,
  isSuperuser: caller.is_superuser,
  permissions: new Set(caller.permission_ids),
  authPermissions: new Set(caller.auth_permissions),
  credential:
    subject === undefined ? (kind === 'token' ? kind : `api_key:${caller.key_id}`) : `jwt:${subject}`,
})
