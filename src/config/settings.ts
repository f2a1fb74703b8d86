/** Every setting: how its text is read, what it is without one, and what it means. */
import { availableParallelism } from 'node:os'
import { DEFAULT_PAGE_SIZE, MAX_PAGE_SIZE, type PatchRequirable } from '../../schemas/limits.js'
import { MODEL_NAME, TABLE_NAME } from '../db/names.js'
import { JWT_ALGORITHMS, type JwtOptions } from '../domain/jwt-options.js'
import {
  addresses,
  baseUrl,
  databaseUrl,
  flag,
  integer,
  matching,
  oneOf,
  patchRequired,
  prefix,
  type Reader,
  scopes,
  secureUrl,
  someOf,
  text,
} from './readers.js'

/** One setting: how its text is read, what it is without one, and what it means. */
interface Setting<T> {
  read: Reader<T>
  fallback: T
  /** For the documentation, where the fallback depends on the machine. */
  shownFallback?: string
  description: string
  /** Never shown. */
  secret?: boolean
}

const setting = <T>(
  read: Reader<T>,
  fallback: T,
  description: string,
  more: Pick<Setting<T>, 'secret' | 'shownFallback'> = {},
): Setting<T> => ({ read, fallback, description, ...more })

/** A table that is called otherwise than Django does by itself. */
const tableOf = (what: string, own: string) =>
  setting<string | undefined>(
    matching(TABLE_NAME, 'a table like name or schema.name'),
    undefined,
    `The table of ${what}, where it is not ${own}.`,
  )

/** Every setting, by the name of its variable. `docs` and `config` show them in this order. */
export const SETTINGS = {
  HOST: setting(text, '127.0.0.1', 'The address to listen on.'),
  PORT: setting(integer(0, 65_535), 3_000, 'The port to listen on; 0 takes a free one.'),
  PREFIX: setting(prefix, '/admin', 'The path that the API stands under.'),
  DATABASE_URL: setting<string | undefined>(
    databaseUrl,
    undefined,
    'The PostgreSQL database; several hosts for a primary with standbys. Without one, an embedded PostgreSQL is run.',
    { secret: true },
  ),
  DATA_DIR: setting(text, '.data', 'Where the embedded PostgreSQL and the first API key are kept.'),
  LOG_LEVEL: setting(
    oneOf('fatal', 'error', 'warn', 'info', 'debug', 'trace', 'silent'),
    'info',
    'What is logged, and worse.',
  ),
  MIGRATE: setting(flag, true, 'Whether the tables are brought up to date at start.'),
  PATCH_REQUIRED: setting<PatchRequirable[]>(
    patchRequired,
    [],
    'Fields that a PATCH must carry. None: it is partial.',
  ),
  FIRST_NAME_MAX_LENGTH: setting(
    integer(1, 150),
    30,
    'Characters of first_name, up to the width of its column.',
  ),
  PASSWORD_HASHER: setting(
    oneOf('argon2', 'pbkdf2_sha256'),
    'argon2',
    'How new passwords are stored: pbkdf2_sha256 for a Django without argon2.',
  ),
  PBKDF2_ITERATIONS: setting(
    integer(1, 5_000_000),
    1_000_000,
    "Iterations of pbkdf2_sha256: your Django's own, so that it does not hash again.",
  ),
  ARGON2_HASH_LENGTH: setting(
    oneOf('16', '32'),
    '16',
    'Bytes of an argon2 hash: 32 where Django has argon2-cffi 21.2 or later, or it hashes again.',
  ),
  HASH_CONCURRENCY: setting(
    integer(1, 3),
    // Each argon2 hash has eight lanes of its own: one core stays for everything else.
    Math.max(1, Math.min(3, availableParallelism() - 1)),
    'Passwords hashed at once. More than 3 would fill the thread pool.',
    { shownFallback: 'cores − 1' },
  ),
  HASH_QUEUE: setting(
    integer(0, 10_000),
    64,
    'Passwords that may wait to be hashed; beyond that the answer is 503.',
  ),
  UV_THREADPOOL_SIZE: setting(
    integer(1, 1_024),
    4,
    'Threads that Node.js itself hashes with; its own variable, and its own default.',
  ),
  AUTH_USER_MODEL: setting(
    matching(MODEL_NAME, 'a model like accounts.User'),
    'auth.User',
    "The user model, as in the Django project's settings. Its tables and permissions are called after it.",
  ),
  AUTH_USER_TABLE: tableOf('users', 'auth_user'),
  AUTH_USER_GROUPS_TABLE: tableOf("users' groups", 'auth_user_groups'),
  AUTH_USER_USER_PERMISSIONS_TABLE: tableOf("users' permissions", 'auth_user_user_permissions'),
  AUTH_GROUP_TABLE: tableOf('groups', 'auth_group'),
  AUTH_GROUP_PERMISSIONS_TABLE: tableOf("groups' permissions", 'auth_group_permissions'),
  AUTH_PERMISSION_TABLE: tableOf('permissions', 'auth_permission'),
  DJANGO_CONTENT_TYPE_TABLE: tableOf('content types', 'django_content_type'),
  AUTHTOKEN_TOKEN_TABLE: tableOf("Django REST Framework's tokens", 'authtoken_token'),
  DJANGO_ADMIN_LOG_TABLE: tableOf("Django's own log of changes", 'django_admin_log'),
  DJANGO_ADMIN_LOG: setting(
    flag,
    false,
    "Whether changes are entered in Django's own log of changes too, for the History pages of its admin site.",
  ),
  DJANGO_ADMIN_LOG_USER: setting<string | undefined>(
    text,
    undefined,
    'The username of who stands in that log for callers that are no users (see JWT_SCOPES).',
  ),
  DRF_TOKENS: setting(
    flag,
    true,
    "Whether Django REST Framework's tokens are taken where that table exists.",
  ),
  JWT_JWKS_URL: setting<string | undefined>(
    secureUrl,
    undefined,
    'Where an identity provider publishes its keys: its JWTs are taken then.',
  ),
  JWT_ISSUER: setting<string | undefined>(text, undefined, 'The issuer of these JWTs: their claim iss.'),
  JWT_AUDIENCE: setting<string | undefined>(
    text,
    undefined,
    'What they have in their claim aud: this service.',
  ),
  JWT_ALGORITHMS: setting<JwtOptions['algorithms']>(
    someOf(...JWT_ALGORITHMS),
    undefined,
    'How they may be signed; by default in any of these ways.',
  ),
  JWT_USER_CLAIM: setting(text, 'sub', 'The claim that says which user makes the request.'),
  JWT_USER_FIELD: setting(
    oneOf('username', 'email'),
    'username',
    "What that claim is of the user. An e-mail address must be one user's alone.",
  ),
  JWT_SCOPES: setting<JwtOptions['scopes']>(
    scopes,
    undefined,
    "Permissions by scope. With any, JWTs are no user's.",
  ),
  JWT_KEYS_MAX_AGE: setting(
    integer(1, 86_400),
    600,
    "Seconds for which the provider's keys are used without asking for newer ones.",
  ),
  RATE_LIMIT_PER_ADDRESS: setting(
    integer(0, 10_000_000),
    0,
    'Requests a minute that are taken from one address, before anything is looked at; 0 for any number.',
  ),
  RATE_LIMIT_PER_CALLER: setting(
    integer(0, 10_000_000),
    0,
    'Requests a minute that are taken with one credential; 0 for any number.',
  ),
  RATE_LIMIT_SHARED: setting(flag, false, 'Whether all replicas count together, in the database.'),
  TRUST_PROXY: setting<string[]>(
    addresses,
    [],
    'Addresses or networks of the proxies in front, whose X-Forwarded- headers are believed.',
  ),
  MAX_EVENT_LOOP_DELAY_MS: setting(
    integer(0, 60_000),
    1_000,
    'Milliseconds by which the service may fall behind before requests are refused with 503; 0 refuses none.',
  ),
  METRICS_PORT: setting<number | undefined>(
    integer(0, 65_535),
    undefined,
    'The port that metrics are served on, for Prometheus; 0 takes a free one, none serves none.',
  ),
  METRICS_HOST: setting(text, '127.0.0.1', 'The address that metrics are served at.'),
  OTEL_EXPORTER_OTLP_ENDPOINT: setting<string | undefined>(
    baseUrl,
    undefined,
    "The collector of OpenTelemetry that traces are sent to, by HTTP. The SDK's other variables hold too.",
  ),
  PAGE_SIZE: setting(
    integer(1, MAX_PAGE_SIZE),
    DEFAULT_PAGE_SIZE,
    'Items of a page of a list, where the request does not say: as PAGE_SIZE of Django REST Framework.',
  ),
  REQUIRE_IF_MATCH: setting(
    oneOf('never', 'privileged', 'always'),
    'never',
    'Which changes want If-Match: privileged are flags, groups, permissions, passwords, and deletions.',
  ),
  AUDIT_RETENTION_DAYS: setting(
    integer(0, 36_500),
    0,
    'Days for which audit events are kept; 0 keeps them for ever.',
  ),
  POOL_SIZE: setting(
    integer(1, 1_000),
    10,
    'Connections to the database, beside one that looks up who calls.',
  ),
  DATABASE_TIMEOUT_MS: setting(
    integer(100, 600_000),
    5_000,
    'Milliseconds that a statement, or a wait for a connection, may take.',
  ),
  PG_PREPARED: setting(flag, true, "Named prepared statements; off behind a pooler that can't keep them."),
  SHUTDOWN_DELAY_MS: setting(
    integer(0, 600_000),
    0,
    'Milliseconds that it goes on, asked to end: /readyz is 503, and a balancer has time to see that.',
  ),
  SHUTDOWN_TIMEOUT_MS: setting(
    integer(100, 600_000),
    10_000,
    'Milliseconds that requests in flight get to end, after that delay.',
  ),
} as const satisfies Record<string, Setting<unknown>>
