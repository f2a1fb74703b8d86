import type { Migration } from './migration.js'

const TABLE = `
create table user_admin.import (
  digest bytea primary key check (octet_length(digest) = 32),
  request_id text not null,
  line bigint not null default 0,
  imported bigint not null default 0,
  skipped bigint not null default 0,
  failed bigint not null default 0,
  started_at timestamptz not null default now(),
  finished_at timestamptz
);
`

/** Imports go on where they ended: how far each file was imported. */
export const imports: Migration = {
  name: '0008_imports',
  file: import.meta.filename,
  async up(client) {
    await client.query(TABLE)
  },
}
