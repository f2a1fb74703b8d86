import type { Migration } from './migration.js'

// No foreign key to auth_user: it would put triggers on Django's table and block Django's deletes.
const TABLES = `
create table user_admin.api_key (
  id bigint generated always as identity primary key,
  user_id bigint not null,
  prefix text not null,
  key_hash bytea not null unique check (octet_length(key_hash) = 32),
  created_at timestamptz not null default now(),
  expires_at timestamptz,
  revoked_at timestamptz
);
create index api_key_user_id_idx on user_admin.api_key (user_id);

create table user_admin.audit_event (
  id bigint generated always as identity primary key,
  occurred_at timestamptz not null default clock_timestamp(),
  request_id text not null,
  actor_id bigint,
  actor_username text,
  credential text,
  action text not null,
  outcome text not null check (outcome in ('applied', 'refused')),
  target_type text not null,
  target_id bigint,
  changes jsonb not null
);
create index audit_event_target_idx on user_admin.audit_event (target_type, target_id, id);
create index audit_event_request_id_idx on user_admin.audit_event (request_id);
`

/** Our own tables: API keys and the audit trail. */
export const userAdmin: Migration = {
  name: '0002_user_admin',
  file: import.meta.filename,
  async up(client) {
    await client.query(TABLES)
  },
}
