/**
 * Runs the service until a signal ends it. `DIRECTORY_URL` and `DIRECTORY_KEY` say where the directory is and with which key it is
 * asked, `POSITION_FILE` keeps how far the events were dealt with.
 */
import { readFile, rename, writeFile } from 'node:fs/promises'
import { setTimeout as sleep } from 'node:timers/promises'
import { makeClient, ProblemError } from 'fastify-user-admin/client'
import { buildOffboarding, followLeavers } from './offboarding.js'

const { DIRECTORY_URL, DIRECTORY_KEY, POSITION_FILE = 'position', PORT = '3001' } = process.env
if (!DIRECTORY_URL || !DIRECTORY_KEY) throw new Error('Set DIRECTORY_URL and DIRECTORY_KEY.')
const PAUSE_MS = 5_000
const client = makeClient({ baseUrl: DIRECTORY_URL, key: DIRECTORY_KEY })
const app = buildOffboarding(client)
const ending = new AbortController()
for (const signal of ['SIGINT', 'SIGTERM'] as const) process.once(signal, () => ending.abort())

/** Written beside and renamed: a crash leaves the old position or the new one. */
async function keep(position: number): Promise<void> {
  await writeFile(`${POSITION_FILE}.new`, String(position))
  await rename(`${POSITION_FILE}.new`, POSITION_FILE)
}

async function follow(): Promise<void> {
  const position = Number(await readFile(POSITION_FILE, 'utf8').catch(() => '0'))
  const closeMailbox = async (userId: number) => console.log('closing the mailbox of user', userId)
  await followLeavers(client, position, closeMailbox, keep, ending.signal)
}

/** The client tries again for some seconds. A directory that is away for longer is waited for here. */
const isOutage = (error: unknown) => !(error instanceof ProblemError) || error.status >= 500

console.log('listening at', await app.listen({ host: '127.0.0.1', port: Number(PORT) }))
while (!ending.signal.aborted)
  await follow().catch(async (error: unknown) => {
    if (ending.signal.aborted) return
    if (!isOutage(error)) throw error
    console.error('the events can not be followed:', (error as Error).message)
    await sleep(PAUSE_MS, undefined, { signal: ending.signal }).catch(() => {})
  })
await app.close()
