/**
 * What a Django project calls its tables and its user model. Statements are written with Django's own names, and get the
 * project's when they are run.
 */
import { createHash } from 'node:crypto'
import { SetupError } from '../errors.js'

/** Django's tables that the service works on. */
export const DJANGO_TABLES = [
  'django_content_type',
  'auth_permission',
  'auth_group',
  'auth_group_permissions',
  'auth_user',
  'auth_user_groups',
  'auth_user_user_permissions',
] as const

/** Those of Django and Django REST Framework that may be there, and whose rows go with their user. */
export const OWNED_TABLES = ['authtoken_token', 'django_admin_log'] as const

export type OwnedTable = (typeof OWNED_TABLES)[number]
export type DjangoTable = (typeof DJANGO_TABLES)[number] | OwnedTable

/** How a project differs from Django's own names. */
export interface Naming {
  /** As `AUTH_USER_MODEL` of Django's settings, such as `accounts.User`. Default `auth.User`. */
  userModel?: string | undefined
  /** Tables that are called otherwise than their model says: `table` or `schema.table`. */
  tables?: Partial<Record<DjangoTable, string | undefined>> | undefined
}

/** `app_label.ModelName`, as Django has it. */
export const MODEL_NAME = /^[a-z_]\w*\.[a-z_]\w*$/i

/** `table` or `schema.table`. */
export const TABLE_NAME = /^[^."\0]{1,63}(?:\.[^."\0]{1,63})?$/

/** In a statement: the user model, as `app_label.model` in lower case. */
export const USER_MODEL = 'auth_user_model'

const ALL_TABLES: readonly DjangoTable[] = [...DJANGO_TABLES, ...OWNED_TABLES]
const WORDS = new RegExp(`"?\\b(${[...ALL_TABLES, USER_MODEL].join('|')})\\b"?`, 'g')

/** What is asked of the database: the text, and the name that it is prepared under, if any. */
interface Text {
  readonly name: string | undefined
  readonly sql: string
}

/** The names of one project. */
export class Names {
  /** As content types have it: in lower case. */
  readonly userModel: { app: string; model: string }
  readonly #relations: ReadonlyMap<string, string>
  /** Pools are shared, and a name that is prepared stands for one text. */
  readonly #suffix: string
  readonly #translated = new WeakMap<Text, Text>()

  /** @throws SetupError for what is no name of a model or of a table */
  constructor({ userModel = 'auth.User', tables = {} }: Naming = {}) {
    this.userModel = parseModel(userModel)
    this.#relations = new Map(ALL_TABLES.map((table) => [table, quoted(tables[table] ?? this.#own(table))]))
    this.#suffix = this.isDjangosOwn ? '' : `_${digest(JSON.stringify([userModel, ...this.#relations]))}`
  }

  /** Whether all is called as Django does by itself. */
  get isDjangosOwn(): boolean {
    const isOwn = [...this.#relations].every(([table, relation]) => relation === quoted(table))
    return isOwn && this.#model === DJANGOS_MODEL
  }

  /** A table as SQL names it, quoted. */
  relation(table: DjangoTable): string {
    return this.#relations.get(table)!
  }

  /** The same for people. */
  shown(table: DjangoTable): string {
    return this.relation(table).replaceAll('"', '')
  }

  /** What Django calls the table that has this name here, without a schema. */
  djangoTable(name: string): string {
    const own = [...this.#relations].find(([, relation]) => `.${relation}`.endsWith(`."${name}"`))
    return own?.[0] ?? name
  }

  /** A permission on the user model as it is called here: `auth.change_user` may be `accounts.change_member`. */
  permission(name: string): string {
    const { app, model } = this.userModel
    return name.replace(/^auth\.([a-z]+)_user$/, `${app}.$1_${model}`)
  }

  /** SQL in the names of the project. */
  inSql(sql: string): string {
    return sql.replace(WORDS, (_, word: string) => this.#relations.get(word) ?? `'${this.#model}'`)
  }

  /** A statement in the names of the project. */
  translate(statement: Text): Text {
    const { name, sql } = statement
    if (name === undefined) return { name, sql: this.inSql(sql) }
    const known = this.#translated.get(statement)
    if (known !== undefined) return known
    const translated = { name: name + this.#suffix, sql: this.inSql(sql) }
    this.#translated.set(statement, translated)
    return translated
  }

  get #model(): string {
    return `${this.userModel.app}.${this.userModel.model}`
  }

  /** As Django names the tables of a user model. */
  #own(table: DjangoTable): string {
    const { app, model } = this.userModel
    return table.replace(/^auth_user(?=$|_groups$|_user_permissions$)/, `${app}_${model}`)
  }
}

const DJANGOS_MODEL = 'auth.user'

function parseModel(text: string): Names['userModel'] {
  if (!MODEL_NAME.test(text)) throw new SetupError(`"${text}" is no model: it must be like accounts.User.`)
  const [app = '', model = ''] = text.split('.')
  return { app, model: model.toLowerCase() }
}

function quoted(name: string): string {
  if (!TABLE_NAME.test(name))
    throw new SetupError(`"${name}" is no table: it must be like table or schema.table.`)
  return name
    .split('.')
    .map((part) => `"${part}"`)
    .join('.')
}

const digest = (text: string) => createHash('sha256').update(text).digest('hex').slice(0, 8)
