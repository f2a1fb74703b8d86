/** Files of users for the command line, and the directories that they come from and go to. */
import { readFile, writeFile } from 'node:fs/promises'
import path from 'node:path'
import type { Test } from 'tap'
import { folder, run } from './cli.js'
import { createDatabase, type TestDatabase } from './database.js'

/** As Django writes it; nobody logs in with it. */
export const HASH = 'argon2$argon2id$v=19$m=102400,t=2,p=8$c29tZXNhbHRvZnR3ZW50eQ$0EzLPiYJnlE0rZdTDUXXDQ'

export interface Fault {
  line: number
  pointer: string
  code: string
  detail: string
}

export const ndjson = (records: readonly object[]): string =>
  records.map((record) => `${JSON.stringify(record)}\n`).join('')

/** A database of its own with two groups, and the commands on it. */
export async function makeDirectory(t: Test) {
  const database = await createDatabase(t)
  await database.pool.query(`insert into auth_group (name) values ('readers'), ('writers; "all", or [none]')`)
  return { ...database, ...(await commandsOn(t, database)) }
}

export async function commandsOn(t: Test, { url, pool }: TestDatabase) {
  const place = await folder(t)
  const env = { DATABASE_URL: url, PASSWORD_HASHER: 'pbkdf2_sha256', PBKDF2_ITERATIONS: '1000' }
  let files = 0

  /** Puts it into a file. */
  const put = async (text: string | Buffer, extension = 'ndjson'): Promise<string> => {
    const name = path.join(place, `${++files}.${extension}`)
    await writeFile(name, text)
    return name
  }

  return {
    env,
    place,
    put,
    /** Runs `import --json` on a file. */
    async importFile(file: string, ...options: string[]) {
      const errors = path.join(place, `${++files}.errors`)
      const ended = await run(['import', file, '--json', '--errors', errors, ...options], env)
      const text = await readFile(errors, 'utf8').catch(() => '')
      const faults = text
        .split('\n')
        .filter(Boolean)
        .map((line): Fault => JSON.parse(line))
      return { ...ended, faults, summary: ended.stdout === '' ? undefined : JSON.parse(ended.stdout) }
    },
    /** What `export` writes. */
    async exported(...options: string[]): Promise<string> {
      const ended = await run(['export', ...options], env)
      t.equal(ended.status, 0, ended.stderr)
      return ended.stdout
    },
    usernames: async (): Promise<string[]> => {
      const { rows } = await pool.query('select username from auth_user order by id')
      return rows.map(({ username }) => username)
    },
    count: async (table: string): Promise<number> => {
      const { rows } = await pool.query(`select count(*)::int as count from ${table}`)
      return rows[0].count
    },
  }
}
