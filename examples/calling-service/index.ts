/**
 * Runs the service until a signal ends it. `DIRECTORY_URL` and `DIRECTORY_KEY` say where the directory is and with which key it is
 * asked, `POSITION_FILE` keeps how far the events were dealt with.
 */
import { readFile, rename, writeFile } from 'node:fs/promises'
import { makeClient } from 'fastify-user-admin/client'
import { buildOffboarding, followLeavers } from './offboarding.js'

const { DIRECTORY_URL, DIRECTORY_KEY, POSITION_FILE = 'position', PORT = '3001' } = process.env
if (!DIRECTORY_URL || !DIRECTORY_KEY) throw new Error('Set DIRECTORY_URL and DIRECTORY_KEY.')
const client = makeClient({ baseUrl: DIRECTORY_URL, key: DIRECTORY_KEY })
const app = buildOffboarding(client)
const ending = new AbortController()
for (const signal of ['SIGINT', 'SIGTERM'] as const) process.once(signal, () => ending.abort())

/** Written beside and renamed: a crash leaves the old position or the new one. */
async function keep(position: number): Promise<void> {
  await writeFile(`${POSITION_FILE}.new`, String(position))
  await rename(`${POSITION_FILE}.new`, POSITION_FILE)
}

const position = Number(await readFile(POSITION_FILE, 'utf8').catch(() => '0'))
console.log('listening at', await app.listen({ host: '127.0.0.1', port: Number(PORT) }))
await followLeavers(
  client,
  position,
  async (userId) => console.log('closing the mailbox of user', userId),
  keep,
  ending.signal,
).catch((error: unknown) => {
  if (!ending.signal.aborted) throw error
})
await app.close()
