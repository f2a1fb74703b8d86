/** Runs the app until a signal ends it: `DATABASE_URL=postgresql://… node dist/index.js`. */
import { migrate } from 'fastify-user-admin'
import pg from 'pg'
import { buildApp } from './app.js'

const { DATABASE_URL, PORT = '3000' } = process.env
if (DATABASE_URL === undefined) throw new Error('Set DATABASE_URL.')

// The plugin itself never makes tables.
await migrate(DATABASE_URL, { log: console.error })
const pool = new pg.Pool({ connectionString: DATABASE_URL, max: 10 })
// A connection that breaks while nobody uses it is replaced; without a listener it would end the process.
pool.on('error', (error) => console.error(error.message))
const app = await buildApp(pool)

for (const signal of ['SIGINT', 'SIGTERM'] as const)
  process.once(signal, async () => {
    // The requests in flight first, then what they need.
    await app.close()
    await pool.end()
  })
await app.listen({ host: '127.0.0.1', port: Number(PORT) })
