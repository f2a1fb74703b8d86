/** The first API key: made with the first superuser, and kept in a file beside the embedded database. */
import { readFile, rm, writeFile } from 'node:fs/promises'
import type { Database } from '../db/database.js'
import { findCallersByApiKey } from '../db/callers.js'
import { hashApiKey } from '../domain/api-key.js'
import { makeFirstSuperuser } from '../domain/first-superuser.js'
import { CommandError } from './failure.js'

/** A key that is kept in a file and opens the API. */
export interface FirstKey {
  file: string
  /** Whether it was made just now. */
  isNew: boolean
  user: { id: number; username: string }
}

/**
 * Makes the first superuser and its key where there is no user yet.
 * @returns the key that the file holds; undefined where there is none, or it is of no use any more
 * @throws CommandError where the file can't be written; then neither user nor key were made
 */
export async function provideFirstKey(database: Database, file: string): Promise<FirstKey | undefined> {
  const isNew = await makeFirstSuperuser(database, (key) => keep(key, file))
  const key = await readFile(file, 'utf8').catch(() => undefined)
  const [caller] = key === undefined ? [] : await findCallersByApiKey(database, [hashApiKey(key.trim())])
  if (!caller?.is_active || !caller.is_staff) return undefined
  return { file, isNew, user: { id: caller.id!, username: caller.username! } }
}

async function keep(key: string, file: string): Promise<void> {
  try {
    // A key of an earlier database: its file may be open to others, and a mode is only given to what is new.
    await rm(file, { force: true })
    await writeFile(file, `${key}\n`, { mode: 0o600, flag: 'wx' })
  } catch (error) {
    const reason = (error as Error).message
    throw new CommandError(
      `The first API key can't be kept in ${file} (${reason}). Make room for that file, or choose another DATA_DIR.`,
      { cause: error },
    )
  }
}
