/** Django's tables as its versions make them: the dumps in `test/data/django-schemas/`. */
import { readFile } from 'node:fs/promises'
import type pg from 'pg'

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
} as const

export type DjangoVersion = keyof typeof FILES

export const DJANGO_VERSIONS = Object.keys(FILES) as DjangoVersion[]

/** Of the versions that share a file, the last. */
export const DISTINCT_VERSIONS = DJANGO_VERSIONS.filter(
  (version, index) => FILES[version] !== FILES[DJANGO_VERSIONS[index + 1]!],
)

/** The version whose tables the tests are run on: DJANGO_SCHEMA. Without it, those that our migrations make. */
export function versionUnderTest(): DjangoVersion | undefined {
  const version = process.env.DJANGO_SCHEMA
  if (!version) return undefined
  if (isDjangoVersion(version)) return version
  throw new Error(`DJANGO_SCHEMA=${version} is none of ${DJANGO_VERSIONS.join(', ')}`)
}

export function isDjangoVersion(text: string): text is DjangoVersion {
  return Object.hasOwn(FILES, text)
}

/** Makes the tables, and the rows that come with them, in an empty database. */
export async function loadDjango(db: pg.Pool | pg.ClientBase, version: DjangoVersion): Promise<void> {
  const file = new URL(`../data/django-schemas/${FILES[version]}.sql`, import.meta.url)
  await db.query(await readFile(file, 'utf8'))
}
