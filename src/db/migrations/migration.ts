import type { ClientBase } from 'pg'
import type { Names } from '../names.js'

export interface MigrationContext {
  /** Told of every step, in a sentence. */
  log(message: string): void
  /** What the project calls its tables. */
  names: Names
}

/** One step of the database. It runs inside the migrations' one transaction and must not end it. */
export interface Migration {
  /** Its name in `user_admin.migration`; never renamed once released. */
  readonly name: string
  /** What it is written in: whatever was made with another text of it is to be made anew. */
  readonly file: string
  up(client: ClientBase, context: MigrationContext): Promise<void>
}
