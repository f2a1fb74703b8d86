import { isPostmasterOf } from './os.js'
import { connectTo, endClient, readLock, type Postmaster } from './postmaster.js'
import { holderOf } from './service-lock.js'

/**
 * The postmaster on this data directory whose service runs, and has `database` ready. `undefined` for one that a
 * killed service has left behind, for one that is just starting, and for one in another container.
 */
export async function findServed(directory: string, database: string): Promise<Postmaster | undefined> {
  const lock = await readLock(directory)
  if (lock?.status !== 'ready' || !(await isPostmasterOf(lock.pid, directory))) return undefined
  // Who can't connect starts a server, and is told why that is not possible.
  const client = await connectTo(lock).catch(() => undefined)
  if (client === undefined) return undefined
  try {
    const { rowCount } = await client.query('select from pg_database where datname = $1', [database])
    return rowCount === 1 && (await holderOf(client)) !== undefined ? lock : undefined
  } finally {
    await endClient(client)
  }
}
