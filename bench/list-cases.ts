/** The lists that are asked for, as URLs. */
import { completeOrdering, positionOf } from '../src/db/list.js'
import { userSource } from '../src/db/user-list.js'
import type { StoredUser } from '../src/db/users.js'
import { encodeCursor } from '../src/http/cursor.js'
import type { Directory } from './database.js'
import { GROUP_IDS, PERMISSIONS } from './list-directory.js'

export const PAGE_SIZE = 100

export interface ListCase {
  kind: 'first' | 'deep' | 'filter' | 'search' | 'beyond'
  title: string
  url: string
}

/** All cases. `beyond` is shown beside the others: no index helps there. */
export async function makeCases(directory: Directory): Promise<ListCase[]> {
  const pages = directory.users / PAGE_SIZE
  const deep = async (ordering: string): Promise<ListCase> => ({
    kind: 'deep',
    title: `page ${pages.toLocaleString('en')} by cursor, ordering=${ordering}`,
    url: urlOf({ ordering, cursor: await cursorAt(directory, ordering, directory.users - PAGE_SIZE) }),
  })
  return [
    { kind: 'first', title: 'first page by cursor, not counted', url: urlOf({ cursor: '' }) },
    { kind: 'beyond', title: 'first page by number, counted', url: urlOf({}) },
    await deep('id'),
    await deep('last_name'),
    await deep('-last_login'),
    {
      kind: 'beyond',
      title: `page ${pages.toLocaleString('en')} by number, not counted`,
      url: urlOf({ page: String(pages), count: 'false' }),
    },
    ...FILTERS.map((filter): ListCase => ({
      kind: 'filter',
      title: titleOf(filter),
      url: firstPage(filter),
    })),
    ...SEARCHES.map(([what, search]): ListCase => ({
      kind: 'search',
      title: `search, ${what}`,
      url: firstPage({ search }),
    })),
    ...BEYOND.map(([why, filter]): ListCase => ({
      kind: 'beyond',
      title: `${titleOf(filter)}: ${why}`,
      url: firstPage(filter),
    })),
  ]
}

type Parameters = Record<string, string>

const daysAgo = (days: number) =>
  new Date(Date.now() - days * 86_400_000).toISOString().slice(0, 10) + 'T00:00:00Z'

const FILTERS: Parameters[] = [
  { username__iexact: 'ANNA500004' },
  { email__iexact: 'NOBODY@EXAMPLE.COM' },
  { is_staff: 'true' },
  { is_active: 'false' },
  { last_login__isnull: 'true' },
  { last_login__gte: daysAgo(1) },
  { date_joined__gte: daysAgo(30) },
  { date_joined__gte: daysAgo(365), ordering: '-date_joined' },
  { group: String(GROUP_IDS.one) },
  { group: String(GROUP_IDS.half) },
  { permission: `auth.${PERMISSIONS.direct}` },
  { permission: `auth.${PERMISSIONS.rare}` },
  { permission: `auth.${PERMISSIONS.common}` },
]

const SEARCHES: [what: string, words: string][] = [
  ['a word of nobody', 'nobodyhere'],
  ['a word of 0.1 %', 'kowalskiberg'],
  ['a word of every fifth', 'smith'],
  ['two words', 'anna smith'],
  ['two words of few', 'zoe kowalskiova'],
]

const BEYOND: [why: string, filter: Parameters][] = [
  ['by id those who joined last come last', { date_joined__gte: daysAgo(365) }],
  ['no whole trigram', { search: 'zz' }],
]

const titleOf = (filter: Parameters) =>
  Object.entries(filter)
    .map(([name, value]) => `${name}=${value}`)
    .join('&')

const firstPage = (filter: Parameters) => urlOf({ ...filter, cursor: '' })

const urlOf = (parameters: Parameters) =>
  `/admin/users/?${new URLSearchParams({ page_size: String(PAGE_SIZE), ...parameters }).toString()}`

/** The cursor after so many users in an order. */
async function cursorAt({ pool }: Directory, text: string, count: number): Promise<string> {
  const [, minus, field] = /^(-?)(.*)$/.exec(text)!
  const ordering = completeOrdering(userSource, [{ field: field!, descending: minus === '-' }])
  const terms = ordering.map((one) => {
    const column = one.field === 'last_login' ? "coalesce(last_login, 'infinity')" : one.field
    return `${column} ${one.descending ? 'desc' : 'asc'}`
  })
  // As texts: a Date would not keep the microseconds.
  const { rows } = await pool.query<{ user: StoredUser }>(
    `select to_jsonb(u) as user from auth_user u order by ${terms.join(', ')} offset $1 limit 1`,
    [count - 1],
  )
  const values = positionOf(userSource, ordering, rows[0]!.user)
  return encodeCursor({ values, direction: 'after' }, ordering)
}
