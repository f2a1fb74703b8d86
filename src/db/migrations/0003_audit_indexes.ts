import type { Migration } from './migration.js'

/**
 * Nothing looks events up by the id of their request, and an index on random ids was a seventh of what an update cost
 * PostgreSQL. Whoever has the id from the log has the time and the user as well, by which events are found.
 */
export const auditIndexes: Migration = {
  name: '0003_audit_indexes',
  file: import.meta.filename,
  async up(client) {
    await client.query('drop index user_admin.audit_event_request_id_idx')
  },
}
