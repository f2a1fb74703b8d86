/** Who a credential belongs to. */
import { sql } from 'kysely'
import type { Queryable } from './database.js'
import { USER_MODEL } from './names.js'
import { query, statement } from './statement.js'

/** The user behind a credential that was found, and what it may do. */
export interface CallerRow {
  /** The hash of the key, in hex, or the token: which of the credentials asked for this is. */
  credential: string
  /** The API key's id; null for a token. */
  key_id: number | null
  id: number
  username: string
  is_active: boolean
  is_staff: boolean
  is_superuser: boolean
  /** Every permission held, its groups' included. Empty for superusers, who need none. */
  permission_ids: number[]
  /** Those of them that are Django's `auth` app's, as `auth.codename`: what routes ask for. */
  auth_permissions: string[]
}

const heldIds = sql<number[]>`case when u.is_superuser then '{}'::bigint[] else array(
  select permission_id::bigint from auth_user_user_permissions where user_id = u.id
  union
  select p.permission_id from auth_user_groups m join auth_group_permissions p using (group_id) where m.user_id = u.id
) end`

const withPermissions = query
  .selectFrom('auth_user as u')
  .select(['u.id', 'u.username', 'u.is_active', 'u.is_staff', 'u.is_superuser'])
  .select(heldIds.as('permission_ids'))

const model = sql`c.app_label || '.' || c.model`
const isUserModel = sql`${model} = ${sql.raw(USER_MODEL)}`

/** A project's own user model has permissions of its own; Django's names stand for them. */
const routePermissions = sql<string[]>`array(
  select case when ${isUserModel} and right(p.codename, length(c.model) + 1) = '_' || c.model
    then 'auth.' || left(p.codename, -length(c.model)) || 'user'
    else c.app_label || '.' || p.codename end
  from auth_permission p join django_content_type c on c.id = p.content_type_id
  where p.id = any(caller.permission_ids) and (${isUserModel} or (c.app_label = 'auth' and c.model <> 'user'))
)`

const callersByKeyStatement = statement('callers_by_api_key', (hashes: string[]) =>
  query
    .with('caller', () =>
      withPermissions
        .innerJoin('user_admin.api_key as k', 'k.user_id', 'u.id')
        .select(sql<string>`encode(k.key_hash, 'hex')`.as('credential'))
        .select('k.id as key_id')
        .where('k.key_hash', '=', sql<Buffer>`any(${hashes}::bytea[])`)
        .where('k.revoked_at', 'is', null)
        .where((where) =>
          where.or([where('k.expires_at', 'is', null), where('k.expires_at', '>', sql<string>`now()`)]),
        ),
    )
    .selectFrom('caller')
    .selectAll()
    .select(routePermissions.as('auth_permissions')),
)

const callersByTokenStatement = statement('callers_by_token', (tokens: string[]) =>
  query
    .with('caller', () =>
      withPermissions
        .innerJoin('authtoken_token as t', 't.user_id', 'u.id')
        .select('t.key as credential')
        .select(sql<number | null>`null::bigint`.as('key_id'))
        .where('t.key', '=', sql<string>`any(${tokens}::text[])`),
    )
    .selectFrom('caller')
    .selectAll()
    .select(routePermissions.as('auth_permissions')),
)

/** The users of these API keys, by their SHA-256 hashes in hex. Expired and revoked keys are not found. */
export const findCallersByApiKey = (db: Queryable, hashes: readonly string[]): Promise<CallerRow[]> =>
  db.run(
    callersByKeyStatement,
    hashes.map((hash) => `\\x${hash}`),
  )

/** The users of these Django REST Framework tokens. */
export const findCallersByToken = (db: Queryable, tokens: string[]): Promise<CallerRow[]> =>
  db.run(callersByTokenStatement, tokens)
