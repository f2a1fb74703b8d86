/** A database of its own on a server that runs already. */
import { randomBytes } from 'node:crypto'
import type pg from 'pg'
import { readDatabaseUrl } from '../database-url.js'
import { migrate } from '../migrate.js'
import { connect, withClient } from './client.js'

const PREFIX = 'user_admin_mock_'
/** A constant for ever: processes of different versions must meet at the same lock. */
const LOCK = '5146629410873305281'

/**
 * @param server the URL of any database on it, of a role that may create databases
 * @throws what the database reports
 */
export async function createServerDatabase(server: string) {
  const name = PREFIX + randomBytes(6).toString('hex')
  const url = urlOf(server, name)
  const holder = await withClient(server, (client) => createHeld(client, name, url))
  const close = async () => {
    await holder.end()
    await withClient(server, (client) => drop(client, name))
  }
  try {
    await migrate(url)
    return { url, close }
  } catch (error) {
    await close()
    throw error
  }
}

/** Creates it, and keeps a connection to it: so others see that it is used. */
async function createHeld(client: pg.Client, name: string, url: string): Promise<pg.Client> {
  await client.query('select pg_advisory_lock($1)', [LOCK])
  for (const left of await abandoned(client)) await drop(client, left)
  await client.query(`create database ${name} template template0 encoding 'UTF8'`)
  return connect(url)
}

/** Those of processes that were killed. */
async function abandoned(client: pg.Client): Promise<string[]> {
  const { rows } = await client.query<{ datname: string }>(
    `select datname from pg_database d where starts_with(datname, $1)
      and pg_has_role(d.datdba, 'usage')
      and not exists (select from pg_stat_activity a where a.datid = d.oid)`,
    [PREFIX],
  )
  return rows.map(({ datname }) => datname)
}

const drop = (client: pg.Client, name: string) =>
  client.query(`drop database if exists "${name}" with (force)`)

function urlOf(server: string, database: string): string {
  const url = new URL(readDatabaseUrl(server).servers[0]!)
  url.pathname = `/${database}`
  return url.href
}
