import type { Migration } from './migration.js'

// Unlogged: what it holds is worth a minute, and a crash may forget it.
const TABLE = `
create unlogged table user_admin.request_count (
  key text primary key,
  count integer not null,
  resets_at timestamptz not null
);
`

/** Rates are limited for all replicas together. */
export const requestCounts: Migration = {
  name: '0007_request_counts',
  file: import.meta.filename,
  async up(client) {
    await client.query(TABLE)
  },
}
