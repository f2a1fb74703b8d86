import { renameSync, rmSync, writeFileSync } from 'node:fs'
import path from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { startEmbeddedPostgres, type EmbeddedPostgres } from '../../src/db/embedded-postgres.js'

// Usage: postgres-keeper.ts <pid of the run> <folder>

const run = Number(process.argv[2])
const folder = String(process.argv[3])
let over = false
for (const signal of ['SIGTERM', 'SIGINT', 'SIGHUP'] as const) process.on(signal, () => (over = true))

put('keeper.pid', String(process.pid))
const server = await start()
if (server) await endOfRun()
await server?.stop()
if (server || !runs(run)) rmSync(folder, { recursive: true, force: true })

async function endOfRun(): Promise<void> {
  while (!over && runs(run)) await sleep(100)
}

async function start(): Promise<EmbeddedPostgres | undefined> {
  try {
    const started = await startEmbeddedPostgres({
      dataDir: path.join(folder, 'data'),
      // What a test writes need not outlive a power failure.
      settings: { fsync: 'off', synchronous_commit: 'off', full_page_writes: 'off', max_connections: '200' },
    })
    put('url', started.url)
    return started
  } catch (error) {
    put('failure', String(error))
    return undefined
  }
}

/** Whole or not at all, for those who wait for it. */
function put(name: string, content: string): void {
  const file = path.join(folder, name)
  writeFileSync(`${file}.new`, content)
  renameSync(`${file}.new`, file)
}

function runs(pid: number): boolean {
  try {
    return process.kill(pid, 0)
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === 'EPERM'
  }
}
