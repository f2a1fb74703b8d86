/**
 * The same job as ours, written the ordinary way: Kysely, a transaction a request, statement by statement. It
 * authenticates, authorises, locks, checks the rules that an update of names and groups needs, updates, replaces
 * memberships, audits, and answers the whole user.
 */
import { createHash, randomUUID } from 'node:crypto'
import Fastify from 'fastify'
import { Kysely, PostgresDialect, sql } from 'kysely'
import pg from 'pg'
import type { Tables } from '../../src/db/tables.js'

const db = new Kysely<Tables>({
  dialect: new PostgresDialect({ pool: new pg.Pool({ connectionString: process.env.DATABASE_URL, max: 10 }) }),
})
const app = Fastify()

interface Patch {
  first_name?: string
  groups?: number[]
}

async function authenticate(authorization = '') {
  const hash = createHash('sha256').update(authorization.replace(/^Bearer /, '')).digest()
  const caller = await db
    .selectFrom('user_admin.api_key as k')
    .innerJoin('auth_user as u', 'u.id', 'k.user_id')
    .select(['u.id', 'u.username', 'u.is_active', 'u.is_staff', 'u.is_superuser', 'k.id as key'])
    .where('k.key_hash', '=', hash)
    .where('k.revoked_at', 'is', null)
    .executeTakeFirst()
  if (caller === undefined || !caller.is_active) throw Object.assign(new Error('Unauthorized'), { statusCode: 401 })
  const permissions = await db
    .selectFrom('auth_permission as p')
    .innerJoin('django_content_type as c', 'c.id', 'p.content_type_id')
    .select('p.id')
    .select(sql<string>`c.app_label || '.' || p.codename`.as('name'))
    .where(
      sql<boolean>`p.id in (select permission_id from auth_user_user_permissions where user_id = ${caller.id}
        union select permission_id from auth_group_permissions gp join auth_user_groups ug using (group_id)
        where ug.user_id = ${caller.id})`,
    )
    .execute()
  const may = caller.is_superuser || permissions.some(({ name }) => name === 'auth.change_user')
  if (!caller.is_staff || !may) throw Object.assign(new Error('Forbidden'), { statusCode: 403 })
  return caller
}

const userSchema = {
  type: 'object',
  additionalProperties: false,
  properties: {
    first_name: { type: 'string', maxLength: 30 },
    groups: { type: 'array', uniqueItems: true, items: { type: 'integer' } },
  },
}

app.patch<{ Params: { id: string }; Body: Patch }>(
  '/admin/users/:id/',
  { schema: { body: userSchema } },
  async (request) => {
    const actor = await authenticate(request.headers.authorization)
    const id = Number(request.params.id)
    return db.transaction().execute(async (trx) => {
      const user = await trx.selectFrom('auth_user').selectAll().where('id', '=', id).forUpdate().executeTakeFirst()
      if (user === undefined) throw Object.assign(new Error('Not found'), { statusCode: 404 })
      const { groups, ...columns } = request.body
      const held = await trx.selectFrom('auth_user_groups').select('group_id').where('user_id', '=', id).execute()
      const before = held.map(({ group_id }) => group_id).toSorted((a, b) => a - b)
      if (groups !== undefined) {
        const known = await trx.selectFrom('auth_group').select('id').where('id', 'in', [...groups, 0]).execute()
        if (known.length !== groups.length) throw Object.assign(new Error('Unknown group'), { statusCode: 400 })
        await trx.deleteFrom('auth_user_groups').where('user_id', '=', id).execute()
        if (groups.length > 0) {
          await trx.insertInto('auth_user_groups').values(groups.map((group_id) => ({ user_id: id, group_id }))).execute()
        }
      }
      if (Object.keys(columns).length > 0) await trx.updateTable('auth_user').set(columns).where('id', '=', id).execute()
      await trx
        .insertInto('user_admin.audit_event')
        .values({
          request_id: randomUUID(), actor_id: actor.id, actor_username: actor.username, credential: `api_key:${actor.key}`,
          action: 'user.update', outcome: 'applied', target_type: 'user', target_id: id,
          changes: JSON.stringify({ before: { ...user, password: '' , groups: before }, patch: request.body }),
        })
        .execute()
      const after = await trx.selectFrom('auth_user').selectAll().where('id', '=', id).executeTakeFirstOrThrow()
      const own = await trx.selectFrom('auth_user_groups').select('group_id').where('user_id', '=', id).execute()
      const permissions = await trx
        .selectFrom('auth_user_user_permissions').select('permission_id').where('user_id', '=', id).execute()
      return {
        ...after,
        password: `${after.password.split('$')[0]}$********`,
        groups: own.map(({ group_id }) => group_id),
        user_permissions: permissions.map(({ permission_id }) => permission_id),
      }
    })
  },
)

await app.listen({ host: '127.0.0.1', port: Number(process.env.PORT) })
