/** What the adopted tables really look like: Django's versions and custom users differ. */
import type pg from 'pg'
import { SetupError } from '../errors.js'
import { type DjangoTable, Names, OWNED_TABLES, type OwnedTable } from './names.js'

/** The tables that must exist; `authtoken_token` and `django_admin_log` may. */
export type ServedTable = keyof typeof REQUIRED

export type IdType = 'smallint' | 'integer' | 'bigint'

export type SizedColumn = 'username' | 'first_name' | 'last_name' | 'email' | 'password'

/** What the live tables allow. */
export interface LiveSchema {
  /** The schema in which the users' table is found. */
  schema: string
  /** Widths of columns of `auth_user` in characters; null where the column has no limit. */
  widths: Record<SizedColumn, number | null>
  /** Characters of a group's name; null where the column has no limit. */
  groupNameWidth: number | null
  /** The type of each table's `id`; bounds the ids that may be asked for. */
  idTypes: Record<ServedTable, IdType>
  /** Whether Django REST Framework's tokens are there and this role may read them. */
  hasAuthTokens: boolean
  /** Tables of Django's whose rows go with their user, as far as they exist and this role may delete from them. */
  deletedWithUser: OwnedTable[]
  /** Whether Django's own log of changes is there, and this role may write to it. */
  adminLog: 'absent' | 'writable' | 'unwritable'
  /** The longest `first_name` among those above the limit; null where none is. */
  longestFirstName: number | null
}

/** A table or column that the service can't work with. */
export interface SchemaFault {
  /** As it is called in the database. */
  table: string
  /** Null where the whole table is missing. */
  column: string | null
  /** The type found; null where there is none. */
  found: string | null
  /** The types that would do. None: the column is one too many, that the service has no value for. */
  expected: readonly string[]
}

/** The live tables can't be served; `faults` has every reason at once. */
export class UnservableSchemaError extends SetupError {
  override readonly name = 'UnservableSchemaError'

  constructor(readonly faults: readonly SchemaFault[]) {
    super(
      `These tables can't be served: ${faults.map(describe).join('; ')}. ` +
        'Needed are those of django.contrib.auth, or of a user model that extends AbstractUser (AUTH_USER_MODEL); they are ' +
        'found through search_path.',
    )
  }
}

const ID = ['integer', 'bigint', 'smallint']
const TEXT = ['character varying', 'text', 'citext']
const BOOLEAN = ['boolean']
const INSTANT = ['timestamp with time zone']

type Columns = Record<string, readonly string[]>

const REQUIRED = {
  auth_user: {
    id: ID,
    password: TEXT,
    last_login: INSTANT,
    is_superuser: BOOLEAN,
    username: TEXT,
    first_name: TEXT,
    last_name: TEXT,
    email: TEXT,
    is_staff: BOOLEAN,
    is_active: BOOLEAN,
    date_joined: INSTANT,
  },
  auth_group: { id: ID, name: TEXT },
  auth_permission: { id: ID, name: TEXT, content_type_id: ID, codename: TEXT },
  django_content_type: { id: ID, app_label: TEXT, model: TEXT },
  auth_user_groups: { id: ID, user_id: ID, group_id: ID },
  auth_user_user_permissions: { id: ID, user_id: ID, permission_id: ID },
  auth_group_permissions: { id: ID, group_id: ID, permission_id: ID },
} satisfies Record<string, Columns>

/** Those that rows are inserted into. */
const WRITTEN: readonly DjangoTable[] = [
  'django_admin_log',
  'auth_user',
  'auth_group',
  'auth_user_groups',
  'auth_user_user_permissions',
  'auth_group_permissions',
]

const OPTIONAL: Record<OwnedTable, Columns> = {
  authtoken_token: { key: TEXT, user_id: ID },
  django_admin_log: {
    action_time: INSTANT,
    object_id: TEXT,
    object_repr: TEXT,
    action_flag: ID,
    change_message: TEXT,
    content_type_id: ID,
    user_id: ID,
  },
}

/** Characters that a stored password may take, as in Django. */
const PASSWORD_WIDTH = 128

interface Column {
  /** As Django calls it. */
  table: DjangoTable
  schema: string
  /** Whether this role may read the table. */
  readable: boolean
  /** Whether it may look for rows and delete them, and insert into it with ids from a sequence. */
  deletable: boolean
  insertable: boolean
  column: string
  type: string
  width: number | null
  /** Whether an INSERT must give it a value. */
  isDemanded: boolean
}

type Catalog = readonly Column[]

// pg_attribute rather than information_schema, which hides columns that the role has no right to.
// A domain counts as what it is made of; a type of an extension goes by its bare name.
const COLUMNS = `
select t.name as "table", n.nspname::text as schema, a.attname::text as "column",
  has_table_privilege(c.oid, 'select') as readable, has_table_privilege(c.oid, 'select') and has_table_privilege(c.oid, 'delete') as deletable,
  has_table_privilege(c.oid, 'insert') and not exists (
    select from pg_depend o join pg_class s on s.oid = o.objid
    where o.classid = 'pg_class'::regclass and o.refobjid = c.oid and o.deptype = 'a'
      and case s.relkind when 'S' then not has_sequence_privilege(s.oid, 'usage, update') else false end) as insertable,
  (a.attnotnull or d.typnotnull) and not a.atthasdef and d.typdefault is null and a.attidentity = '' as "isDemanded",
  case y.typnamespace when 'pg_catalog'::regnamespace then format_type(y.oid, null) else y.typname::text end
    as type,
  nullif(case d.typtype when 'd' then d.typtypmod else a.atttypmod end, -1) - 4 as width
from unnest($1::text[], $2::text[]) as t (name, relation)
join pg_class c on c.oid = to_regclass(t.relation)
join pg_namespace n on n.oid = c.relnamespace
join pg_attribute a on a.attrelid = c.oid and a.attnum > 0 and not a.attisdropped
join pg_type d on d.oid = a.atttypid
join pg_type y on y.oid = case d.typtype when 'd' then d.typbasetype else d.oid end`

/**
 * Reads what the live tables allow, through this connection's `search_path`. For the start of a service:
 * where `first_name` is wider than the limit, it reads all users once.
 *
 * @param options.firstNameLimit the length above which first names are reported; the contract's 30 by default
 * @throws UnservableSchemaError naming every table, column and type that can't be served
 */
export async function inspectSchema(
  db: pg.Pool | pg.ClientBase,
  { firstNameLimit = 30, names = new Names() }: { firstNameLimit?: number; names?: Names } = {},
): Promise<LiveSchema> {
  const catalog = await readCatalog(db, names)
  const faults = (Object.keys(REQUIRED) as ServedTable[]).flatMap((table) =>
    faultsOf(catalog, table, REQUIRED[table]),
  )
  if (faults.length > 0) {
    throw new UnservableSchemaError(faults.map((fault) => ({ ...fault, table: names.shown(fault.table) })))
  }
  const widths = widthsOf(catalog)
  return {
    schema: find(catalog, 'auth_user', 'id')!.schema,
    widths,
    groupNameWidth: find(catalog, 'auth_group', 'name')!.width,
    idTypes: idTypesOf(catalog),
    hasAuthTokens: hasAuthTokens(catalog),
    deletedWithUser: OWNED_TABLES.filter((table) => find(catalog, table, 'user_id')?.deletable === true),
    adminLog: adminLogIn(catalog),
    longestFirstName: await longestFirstName(db, names, widths.first_name, firstNameLimit),
  }
}

async function readCatalog(db: pg.Pool | pg.ClientBase, names: Names): Promise<Catalog> {
  const tables = [...(Object.keys(REQUIRED) as ServedTable[]), ...OWNED_TABLES]
  const { rows } = await db.query<Column>(COLUMNS, [tables, tables.map((table) => names.relation(table))])
  return rows
}

/** Everything that a table lacks, and what it has too much of. */
function faultsOf(catalog: Catalog, table: DjangoTable, columns: Columns): Fault[] {
  if (!catalog.some((column) => column.table === table)) {
    return [{ table, column: null, found: null, expected: [] }]
  }
  const wrong = Object.entries(columns)
    .map(([column, expected]) => ({ table, column, found: typeOf(catalog, table, column), expected }))
    .filter(({ found, expected }) => found === null || !expected.includes(found))
  return [...wrong, ...narrowPassword(catalog, table), ...demandedBy(catalog, table, columns)]
}

type Fault = SchemaFault & { table: DjangoTable }

function narrowPassword(catalog: Catalog, table: DjangoTable): Fault[] {
  const { width = null } = (table === 'auth_user' && find(catalog, table, 'password')) || {}
  if (width === null || width >= PASSWORD_WIDTH) return []
  const expected = [`character varying(${PASSWORD_WIDTH})`]
  return [{ table, column: 'password', found: `character varying(${width})`, expected }]
}

/** Columns of a project's own that no row can do without, and that only the project knows a value for. */
function demandedBy(catalog: Catalog, table: DjangoTable, columns: Columns): Fault[] {
  if (!WRITTEN.includes(table)) return []
  return catalog
    .filter(
      (one) => one.table === table && one.isDemanded && (one.column === 'id' || !(one.column in columns)),
    )
    .map(({ column, type }) => ({ table, column, found: type, expected: [] }))
}

function find(catalog: Catalog, table: DjangoTable, column: string): Column | undefined {
  return catalog.find((candidate) => candidate.table === table && candidate.column === column)
}

function typeOf(catalog: Catalog, table: DjangoTable, column: string): string | null {
  return find(catalog, table, column)?.type ?? null
}

function widthsOf(catalog: Catalog): LiveSchema['widths'] {
  const width = (column: SizedColumn) => find(catalog, 'auth_user', column)?.width ?? null
  return {
    username: width('username'),
    first_name: width('first_name'),
    last_name: width('last_name'),
    email: width('email'),
    password: width('password'),
  }
}

function idTypesOf(catalog: Catalog): LiveSchema['idTypes'] {
  const tables = Object.keys(REQUIRED) as ServedTable[]
  const types = tables.map((table) => [table, typeOf(catalog, table, 'id')])
  return Object.fromEntries(types) as LiveSchema['idTypes']
}

const isUsable = (catalog: Catalog, table: OwnedTable): boolean =>
  faultsOf(catalog, table, OPTIONAL[table]).length === 0

function hasAuthTokens(catalog: Catalog): boolean {
  const readable = find(catalog, 'authtoken_token', 'key')?.readable ?? false
  return readable && isUsable(catalog, 'authtoken_token')
}

function adminLogIn(catalog: Catalog): LiveSchema['adminLog'] {
  const table = catalog.find((column) => column.table === 'django_admin_log')
  if (table === undefined) return 'absent'
  return table.insertable && isUsable(catalog, 'django_admin_log') ? 'writable' : 'unwritable'
}

async function longestFirstName(
  db: pg.Pool | pg.ClientBase,
  names: Names,
  width: number | null,
  limit: number,
): Promise<number | null> {
  // A column that can't hold longer names needs no look at its rows.
  if (width !== null && width <= limit) return null
  const { rows } = await db.query<{ longest: number | null }>(
    `select max(char_length(first_name)) as longest from ${names.relation('auth_user')} where char_length(first_name) > $1`,
    [limit],
  )
  return rows[0]?.longest ?? null
}

function describe({ table, column, found, expected }: SchemaFault): string {
  if (column === null) return `the table ${table} is missing`
  if (expected.length > 0)
    return `${table}.${column} is ${found ?? 'missing'} and must be ${expected.join(' or ')}`
  return `${table}.${column} is NOT NULL without a default, so that no row can be made here (give it one with ALTER TABLE … SET DEFAULT)`
}
