/** Django's tables as its versions make them: the dumps in `test/data/django-schemas/`. */
import { readFile } from 'node:fs/promises'
import pg from 'pg'
import { CUSTOM_USER_MODEL, CustomUserClient } from './custom-user.js'

/** The file of each; versions that make the same tables share one. */
const FILES = {
  '2.0': '2.0',
  '2.1': '2.1',
  '2.2': '2.2-3.0',
  '3.0': '2.2-3.0',
  '3.1': '3.1',
  '3.2': '3.2-4.0',
  '4.0': '3.2-4.0',
  '4.1': '4.1-5.2',
  '4.2': '4.1-5.2',
  '5.0': '4.1-5.2',
  '5.1': '4.1-5.2',
  '5.2': '4.1-5.2',
  'custom-user': 'custom-user',
} as const

/** A version of Django, or a project that differs from it. */
export type DjangoSchema = keyof typeof FILES
export type DjangoVersion = Exclude<DjangoSchema, 'custom-user'>

export const DJANGO_SCHEMAS = Object.keys(FILES) as DjangoSchema[]
export const DJANGO_VERSIONS = DJANGO_SCHEMAS.filter((schema) => schema !== 'custom-user')

/** Of those that share a file, the last. */
export const DISTINCT_SCHEMAS = DJANGO_SCHEMAS.filter(
  (schema, index) => FILES[schema] !== FILES[DJANGO_SCHEMAS[index + 1]!],
)
export const DISTINCT_VERSIONS = DISTINCT_SCHEMAS.filter((schema) => schema !== 'custom-user')

/** Whose tables a schema stands for: `2.2-3.0`. */
export const nameOf = (schema: DjangoSchema): string => FILES[schema]

export const isDjangoSchema = (text: string): text is DjangoSchema => Object.hasOwn(FILES, text)

/** What the tests are run on: DJANGO_SCHEMA. Without it, the tables that our migrations make. */
export function schemaUnderTest(): DjangoSchema | undefined {
  const schema = process.env.DJANGO_SCHEMA
  if (!schema) return undefined
  if (isDjangoSchema(schema)) return schema
  throw new Error(`DJANGO_SCHEMA=${schema} is none of ${DJANGO_SCHEMAS.join(', ')}`)
}

/** The AUTH_USER_MODEL of the project. */
export const userModelOf = (schema: DjangoSchema | undefined): string =>
  schema === 'custom-user' ? CUSTOM_USER_MODEL : 'auth.User'

/** What a test's connections are made of. */
export const clientFor = (schema: DjangoSchema | undefined): typeof pg.Client =>
  schema === 'custom-user' ? CustomUserClient : pg.Client

/** Makes the tables, and the rows that come with them, in an empty database. */
export async function loadDjango(db: pg.Pool | pg.ClientBase, schema: DjangoSchema): Promise<void> {
  const file = new URL(`../data/django-schemas/${FILES[schema]}.sql`, import.meta.url)
  await db.query(await readFile(file, 'utf8'))
}
