/** Who a credential belongs to. */
import { type Expression, type SelectQueryBuilder, sql } from 'kysely'
import type { Queryable } from './database.js'
import { USER_MODEL } from './names.js'
import { query, statement } from './statement.js'
import type { Tables } from './tables.js'

/** The user behind a credential that was found, and what it may do. */
export interface CallerRow {
  /** Which of the credentials asked for this is. */
  credential: string
  /** The API key's id; null for anything else. */
  key_id: number | null
  /** Both null for whoever is no user, and has nothing but permissions. */
  id: number | null
  username: string | null
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

/** What else the routes ask for. Where the users are another app's, nothing here may look like a permission on them. */
const isOther = sql`(c.app_label = 'auth' and c.model <> 'user'
  and (${sql.raw(USER_MODEL)} = 'auth.user' or right(p.codename, 5) <> '_user'))`

/** A project's own user model has permissions of its own; Django's names stand for them. */
const routePermissions = sql<string[]>`array(
  select case when ${isUserModel} and right(p.codename, length(c.model) + 1) = '_' || c.model
    then 'auth.' || left(p.codename, -length(c.model)) || 'user'
    else c.app_label || '.' || p.codename end
  from auth_permission p join django_content_type c on c.id = p.content_type_id
  where p.id = any(caller.permission_ids) and (${isUserModel} or ${isOther})
)`

type Caller = Omit<CallerRow, 'auth_permissions'>

/** Callers, with what routes ask for. */
const complete = (callers: Expression<Caller>) =>
  query
    .with('caller', () => callers as SelectQueryBuilder<Tables, never, Caller>)
    .selectFrom('caller')
    .selectAll()
    .select(routePermissions.as('auth_permissions'))

const noKey = sql<number | null>`null::bigint`.as('key_id')

const callersByKeyStatement = statement('callers_by_api_key', (hashes: string[]) =>
  complete(
    withPermissions
      .innerJoin('user_admin.api_key as k', 'k.user_id', 'u.id')
      .select(sql<string>`encode(k.key_hash, 'hex')`.as('credential'))
      .select('k.id as key_id')
      .where('k.key_hash', '=', sql<Buffer>`any(${hashes}::bytea[])`)
      .where('k.revoked_at', 'is', null)
      .where((where) =>
        where.or([where('k.expires_at', 'is', null), where('k.expires_at', '>', sql<string>`now()`)]),
      ),
  ),
)

const callersByTokenStatement = statement('callers_by_token', (tokens: string[]) =>
  complete(
    withPermissions
      .innerJoin('authtoken_token as t', 't.user_id', 'u.id')
      .select('t.key as credential')
      .select(noKey)
      .where('t.key', '=', sql<string>`any(${tokens}::text[])`),
  ),
)

const callersBy = (field: 'username' | 'email') =>
  statement(`callers_by_${field}`, (values: string[]) =>
    complete(
      withPermissions
        .select(`u.${field} as credential`)
        .select(noKey)
        .where(`u.${field}`, '=', sql<string>`any(${values}::text[])`),
    ),
  )

const callersByUsernameStatement = callersBy('username')
const callersByEmailStatement = callersBy('email')

const callersByPermissionsStatement = statement('callers_by_permissions', (names: string[]) =>
  complete(
    query.selectFrom(sql<{ names: string }>`unnest(${names}::text[])`.as<'n'>(sql`n(names)`)).select([
      'n.names as credential',
      noKey,
      sql<number | null>`null::bigint`.as('id'),
      sql<string | null>`null::text`.as('username'),
      sql<boolean>`true`.as('is_active'),
      sql<boolean>`true`.as('is_staff'),
      sql<boolean>`false`.as('is_superuser'),
      sql<number[]>`array(
          select p.id::bigint from auth_permission p join django_content_type c on c.id = p.content_type_id
          where c.app_label || '.' || p.codename = any(string_to_array(n.names, ' '))
        )`.as('permission_ids'),
    ]),
  ),
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

/** The users with these usernames. */
export const findCallersByUsername = (db: Queryable, usernames: string[]): Promise<CallerRow[]> =>
  db.run(callersByUsernameStatement, usernames)

/** The users with these e-mail addresses; of some there may be several. */
export const findCallersByEmail = (db: Queryable, addresses: string[]): Promise<CallerRow[]> =>
  db.run(callersByEmailStatement, addresses)

/** Staff who are no users, and hold these permissions: each text has names with a space between them. */
export const findCallersByPermissions = (db: Queryable, names: string[]): Promise<CallerRow[]> =>
  db.run(callersByPermissionsStatement, names)
