import type { ColumnType, Generated, GeneratedAlways, JSONColumnType } from 'kysely'

/** RFC 3339 in UTC with up to six fractional digits; the pool's type parser keeps the microseconds. */
export type Timestamp = string

/** Field → `[before, after]`; for a refusal, the fields and the permissions that were missing. */
export type AuditChanges = Record<string, unknown>

// Django gives no column but the ids a DEFAULT, so an INSERT must name every other one.

export interface AuthUserTable {
  id: Generated<number>
  password: string
  last_login: Timestamp | null
  is_superuser: boolean
  username: string
  first_name: string
  last_name: string
  email: string
  is_staff: boolean
  is_active: boolean
  date_joined: Timestamp
}

export interface AuthGroupTable {
  id: Generated<number>
  name: string
}

export interface AuthPermissionTable {
  id: Generated<number>
  name: string
  content_type_id: number
  codename: string
}

export interface DjangoContentTypeTable {
  id: Generated<number>
  app_label: string
  model: string
}

export interface AuthUserGroupsTable {
  id: Generated<number>
  user_id: number
  group_id: number
}

export interface AuthUserUserPermissionsTable {
  id: Generated<number>
  user_id: number
  permission_id: number
}

export interface AuthGroupPermissionsTable {
  id: Generated<number>
  group_id: number
  permission_id: number
}

/** Django REST Framework's; may be absent (see `LiveSchema.hasAuthTokens`). */
export interface AuthtokenTokenTable {
  key: string
  created: Timestamp
  user_id: number
}

/** What was done through Django's admin; may be absent (see `LiveSchema.adminLog`). */
export interface DjangoAdminLogTable {
  id: Generated<number>
  action_time: Timestamp
  object_id: string | null
  object_repr: string
  action_flag: number
  change_message: string
  content_type_id: number | null
  user_id: number
}

export interface ApiKeyTable {
  id: GeneratedAlways<number>
  user_id: number
  /** The key's first characters, to recognise it by. */
  prefix: string
  /** SHA-256 of the whole key. */
  key_hash: Buffer
  created_at: Generated<Timestamp>
  expires_at: Timestamp | null
  revoked_at: Timestamp | null
}

export interface AuditEventTable {
  id: GeneratedAlways<number>
  occurred_at: Generated<Timestamp>
  request_id: string
  actor_id: number | null
  actor_username: string | null
  /** How the caller authenticated, such as `api_key:3`; never a secret. */
  credential: string | null
  /** Such as `user.update`. */
  action: string
  outcome: 'applied' | 'refused'
  target_type: string
  target_id: number | null
  changes: JSONColumnType<AuditChanges>
}

/** One row. */
export interface AuditRetentionTable {
  /** Every event up to this one was removed. */
  removed_through: number
}

/** What a request with an idempotency key was answered. */
export interface IdempotentAnswerTable {
  /** A keyed hash of caller, method, path and key. */
  key: Buffer
  fingerprint: Buffer
  status: number
  headers: JSONColumnType<Record<string, string>>
  body: ColumnType<unknown, string | null>
  answered_at: Generated<Timestamp>
}

/** How often somebody came, for limits that replicas share. */
export interface RequestCountTable {
  key: string
  count: number
  resets_at: Timestamp
}

/** How far a file was imported. */
export interface ImportTable {
  /** SHA-256 of the file. */
  digest: Buffer
  /** What the events of its users have as the id of their request. */
  request_id: string
  /** The last line that is done; 0 for none. */
  line: Generated<number>
  imported: Generated<number>
  skipped: Generated<number>
  failed: Generated<number>
  started_at: Generated<Timestamp>
  finished_at: Timestamp | null
}

/** Every table that the queries name. Django's are found through `search_path`, ours in `user_admin`. */
export interface Tables {
  auth_user: AuthUserTable
  auth_group: AuthGroupTable
  auth_permission: AuthPermissionTable
  django_content_type: DjangoContentTypeTable
  auth_user_groups: AuthUserGroupsTable
  auth_user_user_permissions: AuthUserUserPermissionsTable
  auth_group_permissions: AuthGroupPermissionsTable
  authtoken_token: AuthtokenTokenTable
  django_admin_log: DjangoAdminLogTable
  'user_admin.api_key': ApiKeyTable
  'user_admin.audit_event': AuditEventTable
  'user_admin.audit_retention': AuditRetentionTable
  'user_admin.idempotent_answer': IdempotentAnswerTable
  'user_admin.import': ImportTable
  'user_admin.request_count': RequestCountTable
}
