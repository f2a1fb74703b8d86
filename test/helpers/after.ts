import { existsSync, readFileSync, rmSync } from 'node:fs'
import path from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { dropTemplates } from './database.js'
import { runFolder } from './postgres.js'

// tap runs this when all tests are over. The keeper would see that too, but a moment after tap has ended.

const run = process.ppid
const folder = runFolder(run)
if (process.env.TEST_DATABASE_URL) await dropTemplates(process.env.TEST_DATABASE_URL, run)
if (existsSync(folder)) await dismissKeeper()

async function dismissKeeper(): Promise<void> {
  try {
    process.kill(Number(readFileSync(path.join(folder, 'keeper.pid'), 'utf8')), 'SIGTERM')
  } catch {
    rmSync(folder, { recursive: true, force: true })
  }
  for (const began = Date.now(); existsSync(folder) && Date.now() - began < 15_000;) await sleep(20)
}
