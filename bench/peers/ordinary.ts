/**
 * The same job as ours, written the ordinary way and with care: Fastify, Kysely, a transaction a request,
 * statement by statement. It authenticates, authorises, validates, locks, applies the rules against
 * escalation, writes what differs, audits, and answers the whole user. A superuser is asked for no
 * permissions, and what is known is not read again.
 */
import { createHash, randomUUID } from 'node:crypto'
import { argon2id, hash } from 'argon2'
import Fastify from 'fastify'
import { Kysely, PostgresDialect, sql, type Transaction } from 'kysely'
import pg from 'pg'
import type { Tables } from '../../src/db/tables.js'

// Ten connections, as ours has by default.
const pool = new pg.Pool({ connectionString: process.env.DATABASE_URL, max: 10 })
const db = new Kysely<Tables>({ dialect: new PostgresDialect({ pool }) })
const app = Fastify({ genReqId: () => randomUUID() })

type Trx = Transaction<Tables>

interface Columns {
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
}

interface Sets {
  groups: number[]
  user_permissions: number[]
}

type Patch = Partial<Columns & Sets>
type User = Columns & Sets & { id: number }

interface Caller {
  id: number
  username: string
  is_active: boolean
  is_staff: boolean
  is_superuser: boolean
  key_id: number
  permissions: Map<number, string>
}

const ids = { type: 'array', uniqueItems: true, items: { type: 'integer', minimum: 1 } }
const text = (maxLength: number) => ({ type: 'string', maxLength })
const patchSchema = {
  type: 'object',
  additionalProperties: false,
  properties: {
    password: { type: 'string', minLength: 1, maxLength: 128 },
    last_login: { type: ['string', 'null'], format: 'date-time' },
    is_superuser: { type: 'boolean' },
    username: { type: 'string', minLength: 1, maxLength: 150, pattern: '^[\\w.@+-]+$' },
    first_name: text(30),
    last_name: text(150),
    email: { type: 'string', format: 'email', maxLength: 254 },
    is_staff: { type: 'boolean' },
    is_active: { type: 'boolean' },
    date_joined: { type: 'string', format: 'date-time' },
    groups: ids,
    user_permissions: ids,
  },
}

const fail = (statusCode: number, message: string) => Object.assign(new Error(message), { statusCode })

async function authenticate(authorization = ''): Promise<Caller> {
  const key = createHash('sha256')
    .update(authorization.replace(/^Bearer /, ''))
    .digest()
  const caller = await db
    .selectFrom('user_admin.api_key as k')
    .innerJoin('auth_user as u', 'u.id', 'k.user_id')
    .select(['u.id', 'u.username', 'u.is_active', 'u.is_staff', 'u.is_superuser', 'k.id as key_id'])
    .where('k.key_hash', '=', key)
    .where('k.revoked_at', 'is', null)
    .where((where) =>
      where.or([where('k.expires_at', 'is', null), where('k.expires_at', '>', sql<string>`now()`)]),
    )
    .executeTakeFirst()
  if (caller === undefined || !caller.is_active) throw fail(401, 'Unauthorized')
  const permissions = caller.is_superuser ? new Map<number, string>() : await permissionsOf(db, caller.id)
  const may = caller.is_superuser || [...permissions.values()].includes('auth.change_user')
  if (!caller.is_staff || !may) throw fail(403, 'Forbidden')
  return { ...caller, permissions }
}

/** Every permission that a user holds, its groups' included. */
async function permissionsOf(on: Kysely<Tables>, userId: number): Promise<Map<number, string>> {
  const rows = await on
    .selectFrom('auth_permission as p')
    .innerJoin('django_content_type as c', 'c.id', 'p.content_type_id')
    .select('p.id')
    .select(sql<string>`c.app_label || '.' || p.codename`.as('name'))
    .where(
      sql<boolean>`p.id in (
        select permission_id from auth_user_user_permissions where user_id = ${userId}
        union
        select permission_id from auth_group_permissions join auth_user_groups using (group_id)
        where user_id = ${userId}
      )`,
    )
    .execute()
  return new Map(rows.map(({ id, name }) => [id, name]))
}

async function lockUser(trx: Trx, id: number): Promise<User> {
  const columns = await trx
    .selectFrom('auth_user')
    .selectAll()
    .where('id', '=', id)
    .forUpdate()
    .executeTakeFirst()
  if (columns === undefined) throw fail(404, 'Not found')
  const groups = await trx
    .selectFrom('auth_user_groups')
    .select('group_id')
    .where('user_id', '=', id)
    .orderBy('group_id')
    .execute()
  const permissions = await trx
    .selectFrom('auth_user_user_permissions')
    .select('permission_id')
    .where('user_id', '=', id)
    .orderBy('permission_id')
    .execute()
  return {
    ...columns,
    groups: groups.map((row) => row.group_id),
    user_permissions: permissions.map((row) => row.permission_id),
  }
}

const minus = (left: number[], right: number[] = []) => left.filter((id) => !right.includes(id))

/** References and uniqueness. */
async function checkReferences(trx: Trx, before: User, patch: Patch): Promise<void> {
  if (patch.username !== undefined && patch.username !== before.username) {
    const taken = trx.selectFrom('auth_user').select('id').where('username', '=', patch.username)
    if ((await taken.executeTakeFirst()) !== undefined)
      throw fail(400, 'A user with that username already exists.')
  }
  for (const [wanted, table] of [
    [patch.groups, 'auth_group'],
    [patch.user_permissions, 'auth_permission'],
  ] as const) {
    if (wanted === undefined || wanted.length === 0) continue
    const known = await trx.selectFrom(table).select('id').where('id', 'in', wanted).forKeyShare().execute()
    if (known.length !== wanted.length) throw fail(400, 'An id does not exist.')
  }
}

const TAKEOVER = ['password', 'username', 'email', 'is_active', 'is_staff']
const PRIVILEGES = ['is_staff', 'is_active', 'groups', 'user_permissions']

/** The rules against escalation. */
async function checkPrivileges(trx: Trx, actor: Caller, before: User, changed: Patch): Promise<void> {
  if (actor.is_superuser) return
  const touches = (fields: string[]) => fields.some((field) => field in changed)
  const lacks = (permissions: Iterable<number>) => [...permissions].some((id) => !actor.permissions.has(id))
  if (before.is_superuser || 'is_superuser' in changed) throw fail(403, 'Only a superuser may do that.')
  if (before.id === actor.id && touches(PRIVILEGES)) throw fail(403, 'Not your own privileges.')
  if (touches(TAKEOVER) && lacks((await permissionsOf(trx, before.id)).keys())) throw fail(403, 'Takeover.')
  const gained = minus(changed.user_permissions ?? [], before.user_permissions)
  const joined = minus(changed.groups ?? [], before.groups)
  if (joined.length > 0) {
    const conferred = trx
      .selectFrom('auth_group_permissions')
      .select('permission_id')
      .where('group_id', 'in', joined)
    gained.push(...(await conferred.execute()).map((row) => row.permission_id))
  }
  if (lacks(gained)) throw fail(403, 'You do not hold these permissions.')
}

async function checkLastSuperuser(trx: Trx, before: User, changed: Patch): Promise<void> {
  const isRemoved = changed.is_superuser === false || changed.is_active === false
  if (!before.is_superuser || !before.is_active || !isRemoved) return
  await sql`select pg_advisory_xact_lock(1)`.execute(trx)
  const other = trx
    .selectFrom('auth_user')
    .select('id')
    .where('is_superuser', '=', true)
    .where('is_active', '=', true)
    .where('id', '<>', before.id)
  if ((await other.executeTakeFirst()) === undefined) throw fail(409, 'No active superuser would remain.')
}

async function writeGroups(trx: Trx, id: number, before: number[], wanted: number[]): Promise<void> {
  const [left, joined] = [minus(before, wanted), minus(wanted, before)]
  if (left.length > 0) {
    await trx.deleteFrom('auth_user_groups').where('user_id', '=', id).where('group_id', 'in', left).execute()
  }
  const rows = joined.map((group_id) => ({ user_id: id, group_id }))
  if (rows.length > 0) await trx.insertInto('auth_user_groups').values(rows).execute()
}

async function writePermissions(trx: Trx, id: number, before: number[], wanted: number[]): Promise<void> {
  const [taken, given] = [minus(before, wanted), minus(wanted, before)]
  if (taken.length > 0) {
    await trx
      .deleteFrom('auth_user_user_permissions')
      .where('user_id', '=', id)
      .where('permission_id', 'in', taken)
      .execute()
  }
  const rows = given.map((permission_id) => ({ user_id: id, permission_id }))
  if (rows.length > 0) await trx.insertInto('auth_user_user_permissions').values(rows).execute()
}

const mask = (password: string) => (password.startsWith('!') ? '!' : `${password.split('$', 1)[0]}$********`)

/** Field → [before, after], without secrets. */
function differences(before: User, changed: Patch): Record<string, unknown> {
  const shown = (field: string, value: unknown) => (field === 'password' ? mask(String(value)) : value)
  return Object.fromEntries(
    Object.entries(changed).map(([field, value]) => [
      field,
      [shown(field, before[field as keyof User]), shown(field, value)],
    ]),
  )
}

/** What the patch asks for and is not so already. */
function changesOf(before: User, patch: Patch): Patch {
  const sorted = (value: unknown) => (Array.isArray(value) ? value.toSorted((a, b) => a - b) : value)
  const same = (left: unknown, right: unknown) =>
    JSON.stringify(sorted(left)) === JSON.stringify(sorted(right))
  return Object.fromEntries(
    Object.entries(patch).filter(([field, value]) => !same(value, before[field as keyof User])),
  )
}

async function write(trx: Trx, before: User, changed: Patch): Promise<User> {
  const { groups, user_permissions, ...columns } = changed
  if (groups !== undefined) await writeGroups(trx, before.id, before.groups, groups)
  if (user_permissions !== undefined) {
    await writePermissions(trx, before.id, before.user_permissions, user_permissions)
  }
  const sets = {
    groups: groups?.toSorted((a, b) => a - b) ?? before.groups,
    user_permissions: user_permissions?.toSorted((a, b) => a - b) ?? before.user_permissions,
  }
  if (Object.keys(columns).length === 0) return { ...before, ...sets }
  const after = await trx
    .updateTable('auth_user')
    .set(columns)
    .where('id', '=', before.id)
    .returningAll()
    .executeTakeFirstOrThrow()
  return { ...after, ...sets }
}

async function audit(
  trx: Trx,
  actor: Caller,
  requestId: string,
  before: User,
  changed: Patch,
): Promise<void> {
  await trx
    .insertInto('user_admin.audit_event')
    .values({
      request_id: requestId,
      actor_id: actor.id,
      actor_username: actor.username,
      credential: `api_key:${actor.key_id}`,
      action: 'user.update',
      outcome: 'applied',
      target_type: 'user',
      target_id: before.id,
      changes: JSON.stringify(differences(before, changed)),
    })
    .execute()
}

/** As Django stores it. */
async function encode(password: string): Promise<string> {
  const encoded = await hash(password, { type: argon2id, memoryCost: 102_400, timeCost: 2, parallelism: 8 })
  return `argon2${encoded}`
}

app.patch<{ Params: { id: string }; Body: Patch }>(
  '/admin/users/:id/',
  { schema: { body: patchSchema, params: { type: 'object', properties: { id: { type: 'string' } } } } },
  async (request) => {
    const actor = await authenticate(request.headers.authorization)
    if (!/^[1-9]\d{0,8}$/.test(request.params.id)) throw fail(404, 'Not found')
    const id = Number(request.params.id)
    const { password, ...rest } = request.body
    const patch = password === undefined ? rest : { ...rest, password: await encode(password) }
    const user = await db.transaction().execute(async (trx) => {
      const before = await lockUser(trx, id)
      const changed = changesOf(before, patch)
      if (Object.keys(changed).length === 0) return before
      await checkReferences(trx, before, changed)
      await checkPrivileges(trx, actor, before, changed)
      await checkLastSuperuser(trx, before, changed)
      const after = await write(trx, before, changed)
      await audit(trx, actor, request.id, before, changed)
      return after
    })
    return { ...user, password: mask(user.password) }
  },
)

await app.listen({ host: '127.0.0.1', port: Number(process.env.PORT) })
