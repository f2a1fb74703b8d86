/**
 * The floor: Fastify and pg, one unnamed `UPDATE … RETURNING`, and a bare `SELECT`. No authentication, no
 * rules, no audit, no memberships.
 */
import Fastify from 'fastify'
import pg from 'pg'

// Ten connections, as ours has by default.
const pool = new pg.Pool({ connectionString: process.env.DATABASE_URL, max: 10 })
const app = Fastify()

app.patch<{ Params: { id: string }; Body: { first_name: string } }>('/admin/users/:id/', async (request) => {
  const { rows } = await pool.query('update auth_user set first_name = $1 where id = $2 returning *', [
    request.body.first_name,
    request.params.id,
  ])
  return rows[0]
})

app.get<{ Params: { id: string } }>('/admin/users/:id/', async (request) => {
  const { rows } = await pool.query('select * from auth_user where id = $1', [request.params.id])
  return rows[0]
})

await app.listen({ host: '127.0.0.1', port: Number(process.env.PORT) })
