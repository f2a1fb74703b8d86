/** Connections that make and drop databases. */
import type pg from 'pg'
import { makeClient } from '../servers.js'

export async function withClient<T>(url: string, work: (client: pg.Client) => Promise<T>): Promise<T> {
  const client = await connect(url)
  try {
    return await work(client)
  } finally {
    await client.end()
  }
}

export async function connect(connectionString: string): Promise<pg.Client> {
  const client = makeClient({
    connectionString,
    connectionTimeoutMillis: 10_000,
    application_name: 'fastify-user-admin mock',
  })
  // Without a listener a connection that dies ends the process.
  client.on('error', () => {})
  await client.connect()
  return client
}
