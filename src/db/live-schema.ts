/** What the adopted tables really look like: Django's versions and custom users differ. */
import type pg from 'pg'

/** The tables that must exist; `authtoken_token` may. */
export type ServedTable = keyof typeof REQUIRED

/** Tables whose `user_id` Django declares as CASCADE. */
export const OWNED_TABLES = ['authtoken_token', 'django_admin_log'] as const
export type OwnedTable = (typeof OWNED_TABLES)[number]

export type IdType = 'smallint' | 'integer' | 'bigint'

export type SizedColumn = 'username' | 'first_name' | 'last_name' | 'email' | 'password'

/** What the live tables allow. */
export interface LiveSchema {
  /** The schema in which `search_path` finds `auth_user`. */
  schema: string
  /** Widths of columns of `auth_user` in characters; null where the column has no limit. */
  widths: Record<SizedColumn, number | null>
  /** The type of each table's `id`; bounds the ids that may be asked for. */
  idTypes: Record<ServedTable, IdType>
  /** Whether Django REST Framework's tokens are there and this role may read them. */
  hasAuthTokens: boolean
  /** Tables of Django's whose rows go with their user, as far as they exist and this role may delete from them. */
  deletedWithUser: OwnedTable[]
  /** The longest `first_name` among those above the limit; null where none is. */
  longestFirstName: number | null
}

/** A table or column that the service can't work with. */
export interface SchemaFault {
  table: string
  /** Null where the whole table is missing. */
  column: string | null
  /** The type found; null where there is none. */
  found: string | null
  /** The types that would do. */
  expected: readonly string[]
}

/** The live tables can't be served; `faults` has every reason at once. */
export class UnservableSchemaError extends Error {
  override readonly name = 'UnservableSchemaError'

  constructor(readonly faults: readonly SchemaFault[]) {
    super(
      `The tables that search_path finds can't be served: ${faults.map(describe).join('; ')}. ` +
        'Needed are those of django.contrib.auth with its own user model.',
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

const TOKENS: Columns = { key: TEXT, user_id: ID }

interface Column {
  table: string
  schema: string
  /** Whether this role may read the table. */
  readable: boolean
  /** Whether it may delete from it. */
  deletable: boolean
  column: string
  type: string
  width: number | null
}

type Catalog = readonly Column[]

// pg_attribute rather than information_schema, which hides columns that the role has no right to.
// A domain counts as what it is made of; a type of an extension goes by its bare name.
const COLUMNS = `
select t.name as "table", n.nspname::text as schema, a.attname::text as "column",
  has_table_privilege(c.oid, 'select') as readable, has_table_privilege(c.oid, 'delete') as deletable,
  case y.typnamespace when 'pg_catalog'::regnamespace then format_type(y.oid, null) else y.typname::text end
    as type,
  nullif(case d.typtype when 'd' then d.typtypmod else a.atttypmod end, -1) - 4 as width
from unnest($1::text[]) as t (name)
join pg_class c on c.oid = to_regclass(t.name)
join pg_namespace n on n.oid = c.relnamespace
join pg_attribute a on a.attrelid = c.oid and a.attnum > 0 and not a.attisdropped
join pg_type d on d.oid = a.atttypid
join pg_type y on y.oid = case d.typtype when 'd' then d.typbasetype else d.oid end`

/**
 * Reads what the live tables allow, through this connection's `search_path`. For the start of a service:
 * where `first_name` is wider than the limit, it reads the whole of `auth_user` once.
 *
 * @param options.firstNameLimit the length above which first names are reported; the contract's 30 by default
 * @throws UnservableSchemaError naming every table, column and type that can't be served
 */
export async function inspectSchema(
  db: pg.Pool | pg.ClientBase,
  options: { firstNameLimit?: number } = {},
): Promise<LiveSchema> {
  const catalog = await readCatalog(db)
  const faults = Object.entries(REQUIRED).flatMap(([table, columns]) => faultsOf(catalog, table, columns))
  if (faults.length > 0) throw new UnservableSchemaError(faults)
  const widths = widthsOf(catalog)
  return {
    schema: find(catalog, 'auth_user', 'id')!.schema,
    widths,
    idTypes: idTypesOf(catalog),
    hasAuthTokens: hasAuthTokens(catalog),
    deletedWithUser: OWNED_TABLES.filter((table) => find(catalog, table, 'user_id')?.deletable === true),
    longestFirstName: await longestFirstName(db, widths.first_name, options.firstNameLimit ?? 30),
  }
}

async function readCatalog(db: pg.Pool | pg.ClientBase): Promise<Catalog> {
  const { rows } = await db.query<Column>(COLUMNS, [[...Object.keys(REQUIRED), ...OWNED_TABLES]])
  return rows
}

function faultsOf(catalog: Catalog, table: string, columns: Columns): SchemaFault[] {
  if (!catalog.some((column) => column.table === table)) {
    return [{ table, column: null, found: null, expected: [] }]
  }
  return Object.entries(columns)
    .map(([column, expected]) => ({ table, column, found: typeOf(catalog, table, column), expected }))
    .filter(({ found, expected }) => found === null || !expected.includes(found))
}

function find(catalog: Catalog, table: string, column: string): Column | undefined {
  return catalog.find((candidate) => candidate.table === table && candidate.column === column)
}

function typeOf(catalog: Catalog, table: string, column: string): string | null {
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

function hasAuthTokens(catalog: Catalog): boolean {
  const readable = find(catalog, 'authtoken_token', 'key')?.readable ?? false
  return readable && faultsOf(catalog, 'authtoken_token', TOKENS).length === 0
}

async function longestFirstName(
  db: pg.Pool | pg.ClientBase,
  width: number | null,
  limit: number,
): Promise<number | null> {
  // A column that can't hold longer names needs no look at its rows.
  if (width !== null && width <= limit) return null
  const { rows } = await db.query<{ longest: number | null }>(
    'select max(char_length(first_name)) as longest from auth_user where char_length(first_name) > $1',
    [limit],
  )
  return rows[0]?.longest ?? null
}

function describe({ table, column, found, expected }: SchemaFault): string {
  if (column === null) return `the table ${table} is missing`
  return `${table}.${column} is ${found ?? 'missing'} and must be ${expected.join(' or ')}`
}
