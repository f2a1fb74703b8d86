/** Puts fixtures into a database. */
import { insertUser } from '../db/accounts.js'
import { insertApiKey } from '../db/api-keys.js'
import type { Database, Transaction } from '../db/database.js'
import { insertMemberships, removeEverything } from '../db/fixtures.js'
import { insertGroup, writeGroup } from '../db/groups.js'
import { readReferenceNames } from '../db/reference-names.js'
import { hashApiKey, visiblePrefix } from '../domain/api-key.js'
import { FixtureError } from './fixtures.js'
import type { Fixtures } from './read-fixtures.js'

/** What the fixtures have become, each by its name. */
export interface Loaded {
  /** API keys. */
  keys: Record<string, string>
  users: Record<string, { id: number; username: string }>
  groups: Record<string, { id: number; name: string }>
}

/** The same every time, as all else. */
const LONG_AGO = '2024-01-15T09:00:00Z'
/** Of `mock`, as the service would store it. */
const PASSWORD = 'argon2$argon2id$v=19$m=102400,t=2,p=8$YSB0aHJvdy1hd2F5IHNhbHQ$KpwXLbtusoCYWQKgeNKhLQ'

/** Whether nobody is in the database yet, or what is there goes. */
export type Before = 'empty' | 'replaced'

/**
 * Loads all of it, or nothing.
 * @throws FixtureError where a user or a group has what does not exist, or two users the same key
 */
export function loadFixtures(
  database: Database,
  { users, groups = {} }: Fixtures,
  before: Before,
): Promise<Loaded> {
  return database.transaction(async (transaction) => {
    if (before === 'replaced') await removeEverything(transaction)
    const { user_permissions: permissions } = await readReferenceNames(transaction)
    // A new database has no two of one name.
    const permissionId = idIn(new Map([...permissions].map(([name, ids]) => [name, ids[0]!])), 'permission')
    const groupIds = await insertInOrder(groups, (name) => insertGroup(transaction, name))
    const groupId = idIn(groupIds, 'group')
    const userIds = await insertInOrder(users, (name, user) => insertUser(transaction, columnsOf(name, user)))
    const memberships = (held: (user: User) => string[] | undefined, idOf: (name: string) => number) =>
      Object.entries(users).flatMap(([name, user]) =>
        [...new Set(held(user))].map((one) => ({ user_id: userIds.get(name)!, member_of: idOf(one) })),
      )
    await insertMemberships(
      transaction,
      memberships((user) => user.groups, groupId),
      memberships((user) => user.permissions, permissionId),
    )
    for (const [name, { permissions = [] }] of Object.entries(groups))
      writeGroup(transaction, groupId(name), { taken: [], given: permissions.map(permissionId) })
    return {
      keys: await insertKeys(transaction, users, userIds),
      users: mapped(userIds, (username, id) => ({ id, username })),
      groups: mapped(groupIds, (name, id) => ({ id, name })),
    }
  })
}

type User = Fixtures['users'][string]

/** Sent together, one after the other: so ids follow the order. */
async function insertInOrder<T>(
  fixtures: Record<string, T>,
  insert: (name: string, fixture: T) => Promise<number>,
): Promise<Map<string, number>> {
  const entries = Object.entries(fixtures)
  const ids = await Promise.all(entries.map(([name, fixture]) => insert(name, fixture)))
  return new Map(entries.map(([name], index) => [name, ids[index]!]))
}

const columnsOf = (username: string, user: User) => ({
  username,
  password: PASSWORD,
  last_login: null,
  first_name: user.first_name ?? '',
  last_name: user.last_name ?? '',
  email: user.email ?? '',
  is_superuser: user.is_superuser ?? false,
  is_staff: user.is_staff ?? false,
  is_active: user.is_active ?? true,
  date_joined: LONG_AGO,
})

async function insertKeys(
  transaction: Transaction,
  users: Fixtures['users'],
  ids: ReadonlyMap<string, number>,
): Promise<Record<string, string>> {
  const keys = Object.fromEntries(Object.entries(users).map(([name, { key }]) => [name, key ?? keyFor(name)]))
  if (new Set(Object.values(keys)).size < Object.keys(keys).length)
    throw new FixtureError('Two users have the same key: give one of them another `key`.')
  await insertInOrder(keys, (name, key) =>
    insertApiKey(transaction, {
      userId: ids.get(name)!,
      prefix: visiblePrefix(key),
      hash: hashApiKey(key),
      expiresAt: null,
    }),
  )
  return keys
}

/** A key that says what it is: it opens nothing but a mock. */
const keyFor = (username: string): string =>
  `uak_${`mock-${username.replaceAll(/[^\w-]/g, '-')}-`.slice(0, 43).padEnd(43, '0')}`

const idIn = (ids: ReadonlyMap<string, number>, kind: string) => (name: string) => {
  const id = ids.get(name)
  if (id === undefined) throw new FixtureError(`There is no ${kind} "${name}" in these fixtures.`)
  return id
}

const mapped = <T>(ids: ReadonlyMap<string, number>, make: (name: string, id: number) => T) =>
  Object.fromEntries([...ids].map(([name, id]) => [name, make(name, id)]))
