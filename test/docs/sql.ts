/** Blocks of `sql`: run by a superuser of the page's own PostgreSQL. */
import { writeFile } from 'node:fs/promises'
import path from 'node:path'
import pg from 'pg'
import type { Test } from 'tap'
import { type OwnPostgres, startOwnPostgres } from '../faults/postgres.js'
import type { Block } from './markdown.js'

/** Roles come in by their passwords, and the superuser by the socket. */
const HBA = 'local all postgres trust\nhost all all 127.0.0.1/32 scram-sha-256\n'

/** Starts one that listens where the page says; it ends with `t`. */
export async function startPostgres(t: Test, port: string): Promise<OwnPostgres> {
  const server = await startOwnPostgres(t, { listen_addresses: '127.0.0.1', port })
  await writeFile(path.join(server.server.directory, 'pg_hba.conf'), HBA)
  await server.end('SIGINT')
  await server.start()
  return server
}

/** In the database `postgres`, as a superuser; or what the comment before it says. */
export async function runSql({ url }: OwnPostgres, { text, options }: Block): Promise<void> {
  const database = new URL(url)
  if (options.database) database.pathname = `/${options.database}`
  const client = new pg.Client({ connectionString: database.href })
  await client.connect()
  try {
    if (options.as) await client.query(`set role ${options.as}`)
    // One by one: some can't be in a transaction.
    for (const statement of text.split(/;\s*(?:\n|$)/).filter((part) => part.trim()))
      await client.query(statement)
  } finally {
    await client.end()
  }
}
