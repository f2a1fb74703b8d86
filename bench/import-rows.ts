/** The users that `bench:import` imports, as records of a file and as rows for COPY. */
import { createWriteStream } from 'node:fs'
import { type AuditEvent, copiedEvents } from '../src/db/audit.js'
import type { CopiedRows } from '../src/db/copy.js'
import { USER_COLUMNS } from '../src/db/users.js'
import { applied } from '../src/domain/audit.js'
import { OPERATOR } from '../src/domain/import/write.js'
import { maskOf } from '../src/domain/passwords/mask.js'

const HASH = 'argon2$argon2id$v=19$m=102400,t=2,p=8$c29tZXNhbHRvZnR3ZW50eQ$0EzLPiYJnlE0rZdTDUXXDQ'
const REQUEST_ID = '00000000-0000-4000-8000-000000000000'
/** As many as a directory has. */
const GROUPS = 20
/** Rows of one COPY. */
const PIECE = 10_000

/** Makes what is copied of users with these ids. */
export type Part = (ids: readonly number[]) => CopiedRows

const groupsOf = (n: number): [number, number] => [1 + (n % GROUPS), 1 + ((n + 7) % GROUPS)]

const recordOf = (n: number) => ({
  username: `imported${n}`,
  password: HASH,
  first_name: 'Ada',
  last_name: 'Lovelace',
  email: `imported${n}@example.com`,
  date_joined: '2024-01-15T09:00:00.123456Z',
  last_login: '2025-03-01T08:30:00.123456Z',
  groups: groupsOf(n).map((id) => `group ${id}`),
})

/** What the import records of a user. */
function eventOf(n: number): AuditEvent {
  const { password, ...fields } = recordOf(n)
  const after = { ...fields, password: maskOf(password), groups: groupsOf(n) }
  const deed = { actor: OPERATOR, requestId: REQUEST_ID, action: 'user.create', targetId: n } as const
  return applied(
    deed,
    Object.keys(after) as (keyof typeof after)[],
    () => null,
    (field) => after[field],
  )
}

function lineOf(n: number): string {
  const { password, last_login, username, first_name, last_name, email, date_joined } = recordOf(n)
  return `${[n, password, last_login, 'f', username, first_name, last_name, email, 'f', 't', date_joined].join('\t')}\n`
}

export const USERS: Part = (ids) => ({
  table: 'auth_user',
  columns: USER_COLUMNS,
  text: ids.map(lineOf).join(''),
})

export const MEMBERS: Part = (ids) => ({
  table: 'auth_user_groups',
  columns: ['user_id', 'group_id'],
  text: ids.flatMap((n) => groupsOf(n).map((group) => `${n}\t${group}\n`)).join(''),
})

export const EVENTS: Part = (ids) => copiedEvents(ids.map(eventOf))

/** All that is copied of users whose ids begin with this one, part by part. */
export function rowsOf(parts: readonly Part[], first: number, users: number): CopiedRows[] {
  const pieces = Array.from({ length: Math.ceil(users / PIECE) }, (_, piece) =>
    Array.from(
      { length: Math.min(PIECE, users - piece * PIECE) },
      (_, index) => first + piece * PIECE + index,
    ),
  )
  return parts.flatMap((part) => pieces.map(part))
}

/** The same users as a file. */
export async function writeRecords(file: string, first: number, users: number): Promise<void> {
  const stream = createWriteStream(file)
  for (let n = first; n < first + users; n++) {
    if (!stream.write(`${JSON.stringify(recordOf(n))}\n`))
      await new Promise<void>((drained) => stream.once('drain', () => drained()))
  }
  await new Promise<void>((ended) => stream.end(ended))
}
