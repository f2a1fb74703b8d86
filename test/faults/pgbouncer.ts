/** A PgBouncer in transaction mode, with fewer connections to PostgreSQL than anybody has to it. */
import { spawn, spawnSync } from 'node:child_process'
import { once } from 'node:events'
import { existsSync } from 'node:fs'
import { writeFile } from 'node:fs/promises'
import path from 'node:path'
import type { Test } from 'tap'
import { asUser, isAlive, unprivilegedUser } from '../../src/db/embedded/os.js'
import { folder } from '../helpers/cli.js'
import { until } from '../helpers/until.js'
import { freePort } from '../helpers/free-port.js'

/** Where Debian puts it. */
const PROGRAM = process.env.PGBOUNCER || '/usr/sbin/pgbouncer'

export const hasPgBouncer = (): boolean => existsSync(PROGRAM)

/** Such as 1.18.0. */
export const pgBouncerVersion = (): string =>
  /\d[\d.]*/.exec(spawnSync(PROGRAM, ['--version'], { encoding: 'utf8' }).stdout)?.[0] ?? 'unknown'

export interface PgBouncer {
  /** Of the database through it. */
  url: string
  /** Ends it at once, whatever it is at. */
  end(): Promise<void>
  start(): Promise<void>
}

/** Starts it in front of a database; it ends with `t`. @param connections to PostgreSQL */
export async function startPgBouncer(t: Test, databaseUrl: string, connections: number): Promise<PgBouncer> {
  const port = await freePort()
  const place = await folder(t)
  const target = new URL(databaseUrl)
  const configuration = path.join(place, 'pgbouncer.ini')
  await writeFile(path.join(place, 'users'), '"postgres" ""\n')
  await writeFile(configuration, configure(target, { port, connections, users: path.join(place, 'users') }))
  let child: Awaited<ReturnType<typeof launch>> | undefined
  const start = async () => void (child = await launch(configuration))
  const end = async () => child?.end('SIGKILL')
  t.teardown(end)
  await start()
  return { url: `postgresql://postgres@127.0.0.1:${port}${target.pathname}?sslmode=disable`, start, end }
}

function configure(
  { hostname, port, username, password, searchParams }: URL,
  own: { port: number; connections: number; users: string },
): string {
  const target = {
    host: searchParams.get('host') ?? hostname,
    port: port || '5432',
    user: decodeURIComponent(username),
    ...(password !== '' && { password: decodeURIComponent(password) }),
  }
  const quoted = Object.entries(target).map(([name, value]) => `${name}='${value.replaceAll("'", "''")}'`)
  return `[databases]
* = ${quoted.join(' ')}
[pgbouncer]
listen_addr = 127.0.0.1
listen_port = ${own.port}
unix_socket_dir =
auth_type = trust
auth_file = ${own.users}
pool_mode = transaction
default_pool_size = ${own.connections}
max_client_conn = 200
`
}

/** It refuses to run as root. */
async function launch(configuration: string) {
  const child = spawn(PROGRAM, [configuration], {
    ...asUser(await unprivilegedUser()),
    cwd: '/',
    stdio: ['ignore', 'ignore', 'pipe'],
  })
  const ended = once(child, 'exit')
  let output = ''
  child.stderr.on('data', (chunk: Buffer) => (output += chunk.toString()))
  await until(() => {
    if (child.exitCode !== null) throw new Error(`PgBouncer ended: ${output}`)
    return /process up/.test(output)
  })
  return {
    async end(signal: NodeJS.Signals) {
      if (child.exitCode !== null || child.signalCode !== null || !isAlive(child.pid!)) return
      child.kill(signal)
      await ended
    },
  }
}
