/** An app of your own, with routes of its own, that has the directory under `/directory`. */
import swagger from '@fastify/swagger'
import Fastify, { type FastifyInstance } from 'fastify'
import userAdmin from 'fastify-user-admin'
import type pg from 'pg'

/** What the routes of the directory refer to in an OpenAPI document. */
const SECURITY_SCHEMES = {
  apiKey: { type: 'http', scheme: 'bearer' },
  token: { type: 'apiKey', in: 'header', name: 'Authorization' },
} as const

const Team = {
  type: 'array',
  items: { type: 'object', properties: { username: { type: 'string' }, groups: { type: 'integer' } } },
}

/** @param pool connections that the app and the directory share; whoever opened them closes them */
export async function buildApp(pool: pg.Pool): Promise<FastifyInstance> {
  const app = Fastify({
    logger: { level: process.env.LOG_LEVEL ?? 'info' },
    // Names of permissions may be longer than Fastify's 100 characters.
    routerOptions: { maxParamLength: 256 },
  })

  // First, so that it sees all routes.
  await app.register(swagger, {
    openapi: {
      info: { title: 'Orders', version: '1.0.0' },
      components: { securitySchemes: SECURITY_SCHEMES },
    },
  })
  await app.register(userAdmin, { prefix: '/directory', database: pool, firstNameMaxLength: 150 })

  app.get('/openapi.json', { schema: { hide: true } }, async () => app.swagger())

  /** The same tables, over the same connections. */
  app.get('/team', { schema: { response: { 200: Team } } }, async () => {
    const { rows } = await pool.query(
      `select u.username, count(g.group_id)::int as groups
       from auth_user u left join auth_user_groups g on g.user_id = u.id
       where u.is_staff and u.is_active group by u.username order by u.username`,
    )
    return rows
  })
  return app
}
