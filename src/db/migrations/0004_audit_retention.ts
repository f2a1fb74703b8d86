import type { Migration } from './migration.js'

// One row: up to which event the trail was cut off. Who follows it from before that must be told.
const TABLE = `
create table user_admin.audit_retention (
  only_row boolean primary key default true check (only_row),
  removed_through bigint not null default 0
);
insert into user_admin.audit_retention default values;
create index audit_event_occurred_at_idx on user_admin.audit_event using brin (occurred_at);
`

/** Events can be removed when they are old, and whoever follows them be told. */
export const auditRetention: Migration = {
  name: '0004_audit_retention',
  file: import.meta.filename,
  async up(client) {
    await client.query(TABLE)
  },
}
