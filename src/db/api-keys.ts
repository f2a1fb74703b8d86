/** API keys as stored: never the key itself. */
import { sql } from 'kysely'
import type { Queryable } from './database.js'
import { query, statement } from './statement.js'
import type { Timestamp } from './tables.js'

/** A new key. */
export interface NewApiKey {
  userId: number
  prefix: string
  /** Its SHA-256, in hex. */
  hash: string
  /** Null: it does not expire. */
  expiresAt: Timestamp | null
}

/** A key as it is listed. */
export interface ListedApiKey {
  id: number
  username: string
  prefix: string
  created_at: Timestamp
  expires_at: Timestamp | null
  revoked_at: Timestamp | null
}

const insertStatement = statement(
  'insert_api_key',
  (userId: number, prefix: string, hash: Buffer, expiresAt: Timestamp | null) =>
    query
      .insertInto('user_admin.api_key')
      .values({ user_id: userId, prefix, key_hash: hash, expires_at: expiresAt })
      .returning('id'),
)

/** @returns the id of the key */
export async function insertApiKey(
  db: Queryable,
  { userId, prefix, hash, expiresAt }: NewApiKey,
): Promise<number> {
  const [key] = await db.run(insertStatement, userId, prefix, Buffer.from(hash, 'hex'), expiresAt)
  return key!.id
}

const listStatement = statement('list_api_keys', () =>
  query
    .selectFrom('user_admin.api_key as k')
    .leftJoin('auth_user as u', 'u.id', 'k.user_id')
    .select(['k.id', 'k.prefix', 'k.created_at', 'k.expires_at', 'k.revoked_at'])
    .select(sql<string>`coalesce(u.username, '(deleted user ' || k.user_id || ')')`.as('username'))
    .orderBy('k.id'),
)

/** Every key, revoked and expired ones included. */
export const listApiKeys = (db: Queryable): Promise<ListedApiKey[]> => db.run(listStatement)

const revokeStatement = statement('revoke_api_key', (id: number) =>
  query
    .updateTable('user_admin.api_key')
    .set({ revoked_at: sql<string>`coalesce(revoked_at, now())` })
    .where('id', '=', id)
    .returning('id'),
)

/** Revokes a key; one that is revoked stays so. @returns whether there is such a key */
export async function revokeApiKey(db: Queryable, id: number): Promise<boolean> {
  return (await db.run(revokeStatement, id)).length > 0
}
