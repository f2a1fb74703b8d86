/** The secret of this directory, which all replicas share. */
import type pg from 'pg'

/** @returns 32 random bytes, made by the migrations */
export async function readSecret(db: pg.Pool | pg.ClientBase): Promise<Buffer> {
  const { rows } = await db.query<{ secret: Buffer }>('select secret from user_admin.secret')
  return rows[0]!.secret
}
