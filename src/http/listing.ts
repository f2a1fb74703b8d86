/** Lists over HTTP: from the parameters of a URL to a page, and from a page to the envelope with its links. */
import type { FastifyReply, FastifyRequest } from 'fastify'
import type { ListOf, ListQuery } from '../../schemas/index.js'
import {
  completeOrdering,
  leadsBack,
  type ListSource,
  type Ordering,
  type Page,
  type PageRequest,
  type Position,
  positionOf,
} from '../db/list.js'
import { ProblemError } from '../errors.js'
import type { Context } from './context.js'
import { decodeCursor, encodeCursor } from './cursor.js'

/** Words of a search: no index helps with many short ones. */
const MAX_WORDS = 10

/** One list. */
export interface Listing<Row, Item extends object> {
  source: ListSource<Row>
  read(page: PageRequest): Promise<Page<Row>>
  /** What is shown of a row. */
  present(row: Row): Item
  /** What it is ordered by where the request does not say. `id` by default. */
  ordering?: string
}

/** Says that a parameter of the URL can't be used. */
export const badParameter = (detail: string) =>
  new ProblemError('invalid', { detail: `The URL is not valid: ${detail}.` })

/**
 * Answers a list as its parameters ask for it, with `Link` headers (RFC 8288) beside the links of the envelope.
 * @throws ProblemError `invalid` for parameters that contradict each other and for a cursor that is none of this list,
 *   `not_found` for a page that does not exist, as Django REST Framework does
 */
export async function answerList<Row, Item extends object>(
  context: Pick<Context, 'pageSize' | 'runList'>,
  request: FastifyRequest,
  reply: FastifyReply,
  listing: Listing<Row, Item>,
): Promise<ListOf<Partial<Item>>> {
  const query: SizedQuery = { page_size: context.pageSize, ...(request.query as ListQuery) }
  if (query.search !== undefined && query.search.trim().split(/\s+/u).length > MAX_WORDS)
    throw badParameter(`search may have no more than ${MAX_WORDS} words`)
  const limited = { ...listing, read: (page: PageRequest) => context.runList(() => listing.read(page)) }
  const ordering = completeOrdering(listing.source, parseOrdering(query.ordering ?? listing.ordering ?? 'id'))
  const { page, links } =
    query.cursor === undefined
      ? await readByNumber(query, ordering, limited)
      : await readByCursor(query, query.cursor, ordering, limited)
  const urls = Object.fromEntries(
    Object.entries(links).map(([relation, changes]) => [relation, urlWith(request, changes)]),
  )
  sendLinks(reply, urls)
  return envelope(page.count, urls, narrowed(page.rows.map(listing.present), query.fields))
}

/** The envelope of all lists. */
export const envelope = <Item>(
  count: number | null,
  { next = null, previous = null }: { next?: string | null; previous?: string | null },
  results: Item[],
): ListOf<Item> => ({ count, next, previous, results })

/** `Link: <…>; rel="next"` */
export function sendLinks(reply: FastifyReply, urls: Record<string, string>): void {
  const links = Object.entries(urls).map(
    ([relation, url]) => `<${url}>; rel="${relation === 'previous' ? 'prev' : relation}"`,
  )
  if (links.length > 0) reply.header('link', links.join(', '))
}

type SizedQuery = ListQuery & { page_size: number }

/** What a link changes of the parameters; null takes one away. */
type Changes = Record<string, string | null>

interface Read<Row> {
  page: Page<Row>
  /** By their relations. */
  links: Record<string, Changes>
}

async function readByNumber<Row>(
  query: SizedQuery,
  ordering: readonly Ordering[],
  { read }: Pick<Listing<Row, object>, 'read'>,
): Promise<Read<Row>> {
  const { page_size: size, count: isCounted = true } = query
  const request = { ordering, size, isCounted }
  const count =
    query.page === 'last' ? (await read({ ...request, size: 1, isCounted: true })).count : undefined
  const number = typeof count === 'number' ? lastPage(count, size) : parsePage(query.page ?? '1')
  const rest = { ...request, offset: (number - 1) * size, isCounted: isCounted && count === undefined }
  const page = await read(rest)
  if (isCounted && count !== undefined) page.count = count
  if (number > 1 && page.rows.length === 0) throw invalidPage()
  // Page 1 has one URL.
  const to = (target: number): Changes => ({ page: target === 1 ? null : String(target) })
  const links: Record<string, Changes> = { first: to(1) }
  if (page.hasMore) links.next = to(number + 1)
  if (number > 1) links.previous = to(number - 1)
  if (page.count !== null) links.last = to(lastPage(page.count, size))
  return { page, links }
}

async function readByCursor<Row>(
  query: SizedQuery,
  cursor: string,
  ordering: readonly Ordering[],
  { source, read }: Pick<Listing<Row, object>, 'source' | 'read'>,
): Promise<Read<Row>> {
  if (query.page !== undefined) throw badParameter('page and cursor exclude each other')
  const { page_size: size, count: isCounted = false } = query
  const position = cursor === '' ? undefined : decodeCursor(cursor, source, ordering)
  const page = await read({ ordering, size, position, isCounted })
  const at = (values: Position['values'], direction: Position['direction']): Changes => ({
    cursor: encodeCursor({ values, direction }, ordering),
  })
  const to = (row: Row, direction: Position['direction']) => at(positionOf(source, ordering, row), direction)
  const links: Record<string, Changes> = { first: { cursor: '' } }
  const [first, last] = [page.rows[0], page.rows.at(-1)]
  // Whoever went one way can go back.
  const isBackwards = position !== undefined && leadsBack(position)
  if (first === undefined || last === undefined) {
    // All that was there is gone.
    if (isBackwards) links.next = at(position.values, 'from')
    else if (position !== undefined) links.previous = at(position.values, 'until')
    return { page, links }
  }
  if (isBackwards || page.hasMore) links.next = to(last, 'after')
  if (isBackwards ? page.hasMore : position !== undefined) links.previous = to(first, 'before')
  return { page, links }
}

const parseOrdering = (text: string): Ordering[] =>
  text.split(',').map((name) => ({ field: name.replace(/^-/, ''), descending: name.startsWith('-') }))

/** As Django REST Framework: what is no page is one that does not exist. */
function parsePage(text: string): number {
  if (!/^0*[1-9]\d{0,8}$/.test(text)) throw invalidPage()
  return Number(text)
}

const invalidPage = () => new ProblemError('not_found', { detail: 'Invalid page.' })

const lastPage = (count: number, size: number): number => Math.max(1, Math.ceil(count / size))

/** The URL of the request with other parameters. Absolute, as Django REST Framework has it, where a host is known. */
export function urlWith(request: FastifyRequest, changes: Changes): string {
  const [path = '', ...search] = request.originalUrl.split('?')
  const parameters = new URLSearchParams(search.join('?'))
  for (const [name, value] of Object.entries(changes)) {
    if (value === null) parameters.delete(name)
    else parameters.set(name, value)
  }
  parameters.sort()
  const text = parameters.toString()
  const relative = text === '' ? path : `${path}?${text}`
  const base = `${request.protocol}://${request.host}`
  return URL.canParse(base) ? new URL(base).origin + relative : relative
}

/** Items with the fields that were asked for, in the order of the schema. */
export function narrowed<Item extends object>(
  items: readonly Item[],
  fields: string | undefined,
): Partial<Item>[] {
  if (fields === undefined) return [...items]
  const wanted = new Set(fields.split(','))
  return items.map(
    (item) => Object.fromEntries(Object.entries(item).filter(([name]) => wanted.has(name))) as Partial<Item>,
  )
}
