/** Django and our service on one database. */
import { migrate } from '../../src/db/migrate.js'
import { createDatabase, type Template, type TestDatabase } from '../helpers/database.js'
import { startService, type TestService } from '../helpers/service.js'
import { type Django, manageWell, startDjango } from './django.js'

type Lifetime = Parameters<typeof createDatabase>[0]

/** By who made the tables. */
const TEMPLATES = {
  /** The project was there first, as it mostly is. */
  django: {
    name: 'django_first',
    async make(url) {
      await manageWell(url, 'migrate')
      await migrate(url)
    },
  },
  /** The project took over what our migrations had made. */
  ours: {
    name: 'ours_first',
    async make(url) {
      await migrate(url)
      await manageWell(url, 'migrate', '--fake-initial')
    },
  },
} satisfies Record<string, Template>

/** A database with the tables of both. */
export const sharedDatabase = (
  t: Lifetime,
  first: keyof typeof TEMPLATES = 'django',
): Promise<TestDatabase> => createDatabase(t, { template: TEMPLATES[first] })

/** Hashes as the project does, which is hardly at all. */
export const QUICK = { PASSWORD_HASHER: 'pbkdf2_sha256', PBKDF2_ITERATIONS: '1' } as const

export interface Both {
  django: Django
  service: TestService
  /** Of a superuser of ours. */
  key: string
}

/**
 * Starts both, until `t` is over.
 * @param first who made the tables
 * @param settings of our service
 */
export async function startBoth(
  t: Lifetime,
  { first = 'django' as keyof typeof TEMPLATES, settings = {} as Parameters<typeof startService>[1] } = {},
): Promise<Both> {
  const database = await sharedDatabase(t, first)
  const [django, service] = await Promise.all([
    startDjango(t, database.url),
    startService(t, { ...QUICK, ...settings }, database),
  ])
  const { key } = await service.makeCaller({ username: 'root' })
  return { django, service, key }
}
