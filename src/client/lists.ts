/** Goes through any list by cursor: whatever comes or goes meanwhile, nothing that stays is missed or repeated. */
import type { Paths } from './dry-run.js'

interface Page {
  results: unknown[]
  next: string | null
}

type PageOf<P extends keyof Paths> = Paths[P] extends {
  get: { responses: { 200: { content: { 'application/json': infer Body extends Page } } } }
}
  ? Body
  : never

type ParametersOf<P extends keyof Paths> = Paths[P] extends { get: { parameters: infer Parameters } }
  ? Parameters
  : never

/** The paths that answer a list. */
export type ListPath = { [P in keyof Paths]: PageOf<P> extends never ? never : P }[keyof Paths]

/** Those of them that take no parameters but a query. */
export type PlainListPath = {
  [P in ListPath]: ParametersOf<P> extends { path: object } ? never : P
}[ListPath]

type QueryOf<P extends ListPath> = ParametersOf<P> extends { query?: infer Q } ? NonNullable<Q> : never

/** What is about pages, which the iteration sees to. */
type Paging = 'page' | 'cursor' | 'count' | 'after' | 'wait' | 'format'

/** The parameters of a list: those of its path, and its filters. */
export type ListParameters<P extends ListPath> =
  ParametersOf<P> extends { path: infer Path extends object }
    ? { path: Path; query?: Omit<QueryOf<P>, Paging> }
    : { query?: Omit<QueryOf<P>, Paging> }

/** What a list is asked. */
export interface ListOptions<P extends ListPath> {
  params: ListParameters<P>
  /** Ends the iteration: it throws the signal's reason. */
  signal?: AbortSignal
}

/** An item of a list, with all of its fields. */
export type ItemOf<P extends ListPath> = Required<PageOf<P>['results'][number]>

/** An item of a list, all of whose fields are there unless `fields` chose some. */
export type ChosenItemOf<P extends ListPath, Options> = Options extends {
  params: { query: { fields: string } }
}
  ? Partial<ItemOf<P>>
  : ItemOf<P>

/** Reads one page. */
export type ReadPage = (query: Record<string, unknown>) => Promise<Page>

/** Every item, page by page. */
export async function* itemsOf(read: ReadPage, query: object = {}): AsyncGenerator<unknown, void, undefined> {
  let cursor: string | null = ''
  while (cursor !== null) {
    const page: Page = await read({ ...query, cursor })
    yield* page.results
    cursor = page.next === null ? null : parameterOf(page.next, 'cursor')
  }
}

/** A parameter of a URL that may be relative. Only its query is used: behind a proxy the rest may lead elsewhere. */
export const parameterOf = (url: string, name: string): string | null =>
  new URL(url, 'http://relative').searchParams.get(name)
