/** Django's nine tables: put back to the fixture, looked at, and what a case changed in them. */
import type pg from 'pg'
import type { Change } from './cases.js'

type Row = Record<string, any>
type Snapshot = Map<string, Map<string, Row>>

/** The columns that identify a row of each table. */
const TABLES: Record<string, string[]> = {
  auth_user: ['id'],
  auth_group: ['id'],
  auth_permission: ['id'],
  django_content_type: ['id'],
  auth_user_groups: ['user_id', 'group_id'],
  auth_user_user_permissions: ['user_id', 'permission_id'],
  auth_group_permissions: ['group_id', 'permission_id'],
  authtoken_token: ['key'],
  django_admin_log: ['id'],
}

const TIMES = new Set(['last_login', 'date_joined', 'created', 'action_time'])
const HASH = /^(?:argon2|pbkdf2_sha256|pbkdf2_sha1|bcrypt_sha256|bcrypt|scrypt|md5|sha1|crypt)\$/
/** Whatever is not further from the start of the case than this is "now". */
const NOW_MS = 900_000

const NAMES = Object.keys(TABLES)
const SNAPSHOT = NAMES.map(
  (table, index) => `select ${index} as index, row_to_json(t)::text as row from ${table} t`,
).join(' union all ')

export class State {
  private base: Snapshot = new Map()
  private baseSequences = ''
  private now: Snapshot = new Map()

  private constructor(
    private readonly client: pg.PoolClient,
    private readonly fixture: string,
    private readonly sequences: string,
  ) {}

  static async over(client: pg.PoolClient, fixture: string): Promise<State> {
    await client.query(`set timezone = 'UTC'`)
    const tables = NAMES.filter((table) => TABLES[table]![0] !== 'key')
    const { rows } = await client.query(
      `select pg_get_serial_sequence(t, 'id') as name from unnest($1::text[]) t`,
      [tables],
    )
    const sequences = rows
      .map(({ name }) => `select '${name}' as name, last_value, is_called from ${name}`)
      .join(' union all ')
    const state = new State(
      client,
      fixture,
      `select json_agg(s order by name)::text as all from (${sequences}) s`,
    )
    await state.reset()
    return state
  }

  async reset(): Promise<void> {
    for (let attempt = 1; ; attempt++) {
      try {
        await this.client.query(this.fixture)
        break
      } catch (error) {
        // The fixture locks its tables: a statement of the service that is late may hold one of them.
        await this.client.query('rollback')
        if (attempt === 5 || (error as pg.DatabaseError).code !== '40P01') throw error
      }
    }
    this.base = this.now = await this.look()
    this.baseSequences = await this.lookAtSequences()
  }

  /** Looks again: @returns every row inserted, updated or deleted since the last reset. */
  async changes(started: number): Promise<Change[]> {
    this.now = await this.look()
    return NAMES.flatMap((table) => differences(table, this.base.get(table)!, this.now.get(table)!, started))
  }

  /** Whether ids were taken, if only in vain: the next case would get others. */
  async sequencesMoved(): Promise<boolean> {
    return (await this.lookAtSequences()) !== this.baseSequences
  }

  /** A user's row as of the last look, with its sets. */
  user(id: number, started: number): Row | null {
    const row = this.now.get('auth_user')!.get(String([id]))
    if (row === undefined) return null
    return {
      ...normalise(row, started),
      groups: this.partners('auth_user_groups', 'group_id', id),
      user_permissions: this.partners('auth_user_user_permissions', 'permission_id', id),
    }
  }

  /** A user's password as it is stored, as of the last look. */
  storedPassword(id: number): string | undefined {
    return this.now.get('auth_user')!.get(String([id]))?.password
  }

  private partners(table: string, column: string, user: number): number[] {
    const rows = [...this.now.get(table)!.values()].filter((row) => row.user_id === user)
    return rows.map((row): number => row[column]).sort((a, b) => a - b)
  }

  private async look(): Promise<Snapshot> {
    const { rows } = await this.client.query<{ index: number; row: string }>({ name: 'look', text: SNAPSHOT })
    const snapshot: Snapshot = new Map(NAMES.map((table) => [table, new Map()]))
    for (const { index, row: json } of rows) {
      const row = JSON.parse(json)
      const table = NAMES[index]!
      const keys = TABLES[table]!
      // A membership is its two ends; its own id says nothing.
      if (keys.length === 2) delete row.id
      snapshot.get(table)!.set(String(keys.map((key) => row[key])), row)
    }
    return snapshot
  }

  private async lookAtSequences(): Promise<string> {
    const { rows } = await this.client.query({ name: 'sequences', text: this.sequences })
    return rows[0].all
  }
}

function differences(
  table: string,
  base: Map<string, Row>,
  now: Map<string, Row>,
  started: number,
): Change[] {
  const place = (key: string) =>
    key
      .split(',')
      .map((part) => part.padStart(12))
      .join()
  const keys = [...new Set([...base.keys(), ...now.keys()])].sort((a, b) => (place(a) < place(b) ? -1 : 1))
  return keys.flatMap((name): Change[] => {
    const [before, after] = [base.get(name), now.get(name)]
    const key = TABLES[table]!.map((column) => (after ?? before)![column])
    if (after === undefined) return [{ table, op: 'delete', key }]
    if (before === undefined) return [{ table, op: 'insert', key, row: normalise(after, started) }]
    const changed = Object.keys(after).filter((column) => before[column] !== after[column])
    if (changed.length === 0) return []
    const [from, to] = [normalise(before, started), normalise(after, started)]
    const cols = Object.fromEntries(
      changed.map((column) => [column, [from[column], to[column]] as [any, any]]),
    )
    return [{ table, op: 'update', key, cols }]
  })
}

const normalise = (row: Row, started: number): Row =>
  Object.fromEntries(
    Object.entries(row).map(([column, value]) => {
      if (typeof value !== 'string') return [column, value]
      if (column === 'password') return [column, familyOf(value)]
      return [column, TIMES.has(column) ? timeOf(value, started) : value]
    }),
  )

/** A stored password, reduced to its algorithm. */
function familyOf(stored: string): string {
  const algorithm = HASH.exec(stored)?.[0].slice(0, -1)
  if (algorithm === 'argon2') return `argon2$${stored.split('$')[1]}`
  if (algorithm !== undefined) return algorithm
  return /^![A-Za-z0-9]{0,40}$/.test(stored) ? '!unusable' : `RAW:${stored.slice(0, 60)}`
}

/** Of a stored password, of its mask, and of what the records have for it, only the algorithm. */
export const algorithmOf = (shown: string): string => `<${/^<?(\w+|!)/.exec(shown)?.[1] ?? shown}>`

export const isStoredPassword = (text: string): boolean => HASH.test(text) || text.startsWith('!')

/** A time in UTC with six decimals; the time of the test becomes `<now>`. */
export function timeOf(text: string, started: number): string {
  const parts = /^(\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d)(?:\.(\d{1,6}))?(?:Z|\+00:00)$/.exec(text)
  if (parts === null) return text
  if (Math.abs(Date.parse(`${parts[1]}Z`) - started) < NOW_MS) return '<now>'
  return `${parts[1]}.${(parts[2] ?? '').padEnd(6, '0')}Z`
}
