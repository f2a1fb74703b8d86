import { randomBytes } from 'node:crypto'
import type { Migration } from './migration.js'

// The secret keys fingerprints: of bodies, which hold passwords, and of users, whose hashes are in them. One row.
const TABLES = `
create table user_admin.secret (
  only_row boolean primary key default true check (only_row),
  secret bytea not null check (octet_length(secret) = 32)
);
create table user_admin.idempotent_answer (
  key bytea primary key check (octet_length(key) = 32),
  fingerprint bytea not null check (octet_length(fingerprint) = 32),
  status smallint not null,
  headers jsonb not null,
  body jsonb,
  answered_at timestamptz not null default now()
);
create index idempotent_answer_answered_at_idx on user_admin.idempotent_answer (answered_at);
`

/** Requests can be repeated without doing anything twice, and every replica tells the same entity tags. */
export const safeRetries: Migration = {
  name: '0005_safe_retries',
  file: import.meta.filename,
  async up(client) {
    await client.query(TABLES)
    await client.query('insert into user_admin.secret (secret) values ($1)', [randomBytes(32)])
  },
}
