/** Two PostgreSQL servers: a primary, and a standby that has all that the primary confirms, and may take over. */
import { spawnSync } from 'node:child_process'
import { chown, writeFile } from 'node:fs/promises'
import path from 'node:path'
import pg from 'pg'
import type { Test } from 'tap'
import { folder } from '../helpers/cli.js'
import { until } from '../helpers/until.js'
import { freePort } from '../helpers/free-port.js'
import { type OwnPostgres, startOwnPostgres, startServer } from './postgres.js'

export interface Pair {
  primary: OwnPostgres
  standby: OwnPostgres
  /** Of whichever of them takes changes. */
  url: string
  /** Makes a primary of the standby. Waits until it is one. */
  promote(): Promise<void>
  /** Asks one of them. */
  ask(server: OwnPostgres, sql: string): Promise<Record<string, unknown>[]>
}

/** As many as this test needs may connect, from this machine. */
const HBA = 'local all all trust\nlocal replication all trust\nhost all all 127.0.0.1/32 trust\n'

const at = (port: number) => ({ listen_addresses: '127.0.0.1', port: String(port) })

/** Starts them; they end with `t`. */
export async function startPair(t: Test): Promise<Pair> {
  const [port, standbyPort] = [await freePort(), await freePort()]
  const primary = await startOwnPostgres(t, at(port))
  const { server } = primary
  await writeFile(path.join(server.directory, 'pg_hba.conf'), HBA)
  const { searchParams } = new URL(primary.url)
  const follow = `host=${searchParams.get('host')} port=${port} user=postgres application_name=standby`
  // A copy of a server that was stopped in order needs no log of what changed meanwhile.
  await primary.end('SIGINT')
  const directory = await copyOf(t, server.directory)
  await putFile(path.join(directory, 'standby.signal'), server.user)
  await primary.start({ synchronous_standby_names: 'standby' })
  const settings = { ...server.settings, ...at(standbyPort), primary_conninfo: follow }
  const standby = await startServer(t, { ...server, directory, settings })
  await until(async () => {
    const [row] = await ask(primary, 'select sync_state from pg_stat_replication')
    return row?.sync_state === 'sync'
  })
  return {
    primary,
    standby,
    url: `postgresql://postgres@127.0.0.1:${port},127.0.0.1:${standbyPort}/postgres?sslmode=disable&target_session_attrs=read-write`,
    promote: async () => void (await ask(standby, 'select pg_promote()')),
    ask,
  }
}

/** With its owner. */
async function copyOf(t: Test, directory: string): Promise<string> {
  const copy = path.join(await folder(t), 'standby')
  const { status, stderr } = spawnSync('cp', ['-a', directory, copy], { encoding: 'utf8' })
  if (status !== 0) throw new Error(stderr)
  return copy
}

async function putFile(file: string, owner: OwnPostgres['server']['user']): Promise<void> {
  await writeFile(file, '')
  if (owner !== undefined) await chown(file, owner.uid, owner.gid)
}

async function ask({ url }: OwnPostgres, sql: string): Promise<Record<string, unknown>[]> {
  const client = new pg.Client({
    connectionString: url,
    connectionTimeoutMillis: 5_000,
    query_timeout: 60_000,
  })
  client.on('error', () => {})
  try {
    await client.connect()
    return (await client.query(sql)).rows
  } finally {
    await client.end().catch(() => {})
  }
}
