import { djangoAuth } from './0001_django_auth.js'
import { userAdmin } from './0002_user_admin.js'
import { auditIndexes } from './0003_audit_indexes.js'
import { auditRetention } from './0004_audit_retention.js'
import { safeRetries } from './0005_safe_retries.js'
import { djangoMigrations } from './0006_django_migrations.js'
import { requestCounts } from './0007_request_counts.js'
import { imports } from './0008_imports.js'
import type { Migration } from './migration.js'

export type { Migration, MigrationContext } from './migration.js'

/** In the order in which they run. Append only: a released migration is never edited. */
export const migrations: readonly Migration[] = [
  djangoAuth,
  userAdmin,
  auditIndexes,
  auditRetention,
  safeRetries,
  djangoMigrations,
  requestCounts,
  imports,
]
