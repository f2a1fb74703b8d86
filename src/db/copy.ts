/** COPY: many rows in one text, for a fraction of what an INSERT of them costs PostgreSQL. */
import pg from 'pg'

export type CopyValue = string | number | boolean | null

/** Rows of one table, as COPY takes them. */
export interface CopiedRows {
  table: string
  columns: readonly string[]
  /** A line for each row: see `copyLine`. */
  text: string
}

const SPECIAL = /[\\\n\r\t]/
const EVERY_SPECIAL = /[\\\n\r\t]/g
const ESCAPES: Record<string, string> = { '\\': '\\\\', '\n': '\\n', '\r': '\\r', '\t': '\\t' }

/** One row in the text format of COPY. No value may hold a NUL, which PostgreSQL does not store. */
export function copyLine(values: readonly CopyValue[]): string {
  let line = field(values[0]!)
  for (let index = 1; index < values.length; index++) line += `\t${field(values[index]!)}`
  return `${line}\n`
}

function field(value: CopyValue): string {
  if (value === null) return '\\N'
  if (typeof value !== 'string') return String(value)
  return SPECIAL.test(value) ? value.replace(EVERY_SPECIAL, (character) => ESCAPES[character]!) : value
}

/**
 * Inserts rows. They travel with the statement: where it fails, PostgreSQL passes over them.
 *
 * Not with pg-copy-streams, which node-postgres refuses on connections that pipeline, as all of ours do: there a query must be
 * one of its own kind.
 */
export function copyInto(client: pg.ClientBase, { table, columns, text }: CopiedRows): Promise<void> {
  const rows = Buffer.from(text)
  return new Promise((resolve, reject) => {
    const copy = new CopyQuery(`copy ${table} (${columns.join(', ')}) from stdin`, rows, (error) =>
      error ? reject(error) : resolve(),
    )
    client.query(copy)
  })
}

/** What node-postgres has for COPY, and its types don't. */
interface CopyConnection extends pg.Connection {
  sendCopyFromChunk(chunk: Buffer): void
  endCopyFrom(): void
}

class CopyQuery extends pg.Query {
  constructor(
    readonly statement: string,
    readonly copied: Buffer,
    callback: (error: Error | undefined) => void,
  ) {
    super(statement, callback)
  }

  override submit = (connection: pg.Connection): void => {
    const { stream } = connection
    stream.cork()
    try {
      connection.query(this.statement)
      const copying = connection as CopyConnection
      copying.sendCopyFromChunk(this.copied)
      copying.endCopyFrom()
    } finally {
      stream.uncork()
    }
  }

  /** By now all rows are on their way. */
  handleCopyInResponse(): void {}
}
