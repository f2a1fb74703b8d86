import type { ClientBase } from 'pg'

/** One step of the database. It runs inside the migrations' one transaction and must not end it. */
export interface Migration {
  /** Its name in `user_admin.migration`; never renamed once released. */
  readonly name: string
  up(client: ClientBase, log: (message: string) => void): Promise<void>
}
