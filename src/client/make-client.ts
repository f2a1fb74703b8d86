/** Puts the client together: the operations of the document, and what makes them easy to use. */
import createClient, { type Client, createQuerySerializer, type Middleware } from 'openapi-fetch'
import type { DryRunMedia, DryRunPaths, Media, Paths } from './dry-run.js'
import { type Event, type EventOptions, EVENTS, follow } from './events.js'
import {
  type ChosenItemOf,
  type ItemOf,
  itemsOf,
  type ListOptions,
  type ListPath,
  type PlainListPath,
  type ReadPage,
} from './lists.js'
import { type Answered, dataOf } from './problems.js'
import { type Fetch, retrying, type RetryOptions } from './retries.js'
import type { components } from './schema.js'
import { realTiming, type Timing } from './timing.js'
import { type Change, readAndUpdate, type UpdateOptions } from './update.js'

type Schemas = components['schemas']

/** Where the service is, who calls, and how. */
export interface ClientOptions {
  /** Where the service listens: `https://directory.example.com`, with the path prefix of a proxy if there is one. */
  baseUrl: string
  /** An API key or a JWT, sent as `Authorization: Bearer`. */
  key?: string
  /** The header `Authorization` as it is, or what makes it for each request, such as a token that changes. */
  authorization?: string | (() => string | Promise<string>)
  /** What the API stands under, where the plugin was registered with another prefix. By default `/admin`. */
  prefix?: string
  /** What sends requests. By default the runtime's own `fetch`. */
  fetch?: Fetch
  /** How requests are repeated. */
  retries?: RetryOptions
  /** Time and chance, for tests. */
  timing?: Timing
}

/** Every operation by method and path, as openapi-fetch has it, and more. */
export interface UserAdminClient extends Client<Paths, Media> {
  /** The same operations, where they have a dry run: nothing is changed, and the answer is what would become of it. */
  dryRun: Pick<Client<DryRunPaths, DryRunMedia>, 'PUT' | 'PATCH' | 'DELETE'>

  /**
   * Changes a user as it is at that moment: reads it, applies `change`, and writes with `If-Match`; again, where somebody
   * else wrote meanwhile. `update(7, (user) => ({ groups: [...user.groups, 2] }))`
   * @returns the user as it is now
   * @throws ProblemError where it is refused; with `precondition_failed` where others were faster each time
   */
  update(
    id: number | string,
    change: Change<Schemas['User'], Schemas['UserUpdate']>,
    options?: UpdateOptions,
  ): Promise<Schemas['User']>

  /** What `update` does, with a group. */
  updateGroup(
    id: number | string,
    change: Change<Schemas['Group'], Schemas['GroupUpdate']>,
    options?: UpdateOptions,
  ): Promise<Schemas['Group']>

  /**
   * Every item of a list, read page by page by cursor: whatever comes or goes meanwhile, nothing that stays is missed or told
   * twice. `for await (const user of client.list('/admin/users/', { params: { query: { is_staff: true } } }))`
   * @throws ProblemError where a page is refused
   */
  list<P extends PlainListPath>(path: P): AsyncGenerator<ItemOf<P>, void, undefined>
  list<P extends ListPath, Options extends ListOptions<P>>(
    path: P,
    options: Options & ListOptions<P>,
  ): AsyncGenerator<ChosenItemOf<P, Options>, void, undefined>

  /**
   * Every event after a given one, each once and in order; and then those that come.
   * @throws ProblemError with `events_gone` where events were removed that the consumer has not seen: whatever is derived from
   *   events is to be read anew
   */
  events(options?: EventOptions): AsyncGenerator<Event, void, undefined>
}

const DOCUMENTED_PREFIX = '/admin'

const serializeQuery = createQuerySerializer<Record<string, unknown>>()

/** A client of a service that runs somewhere. It keeps no connection and no state. */
export function makeClient(options: ClientOptions): UserAdminClient {
  const { baseUrl, prefix, retries = {}, timing = realTiming } = options
  const send: Fetch = options.fetch ?? ((request) => globalThis.fetch(request))
  const common = {
    baseUrl,
    fetch: retrying(send, retries, timing),
    ...(prefix !== undefined && { Request: requestUnder(baseUrl, prefix) }),
  }
  const client = createClient<Paths, Media>(common)
  const dryRun = createClient<DryRunPaths, DryRunMedia>({
    ...common,
    querySerializer: (query) => serializeQuery({ ...query, dry_run: true }),
  })
  client.use(authorize(options))
  dryRun.use(authorize(options))

  const untyped = client as unknown as Untyped

  const reader =
    (path: ListPath, { params, signal }: Partial<ListOptions<ListPath>>): ReadPage =>
    (query) =>
      dataOf(untyped.GET(path, { params: { ...params, query }, signal })) as ReturnType<ReadPage>

  const updater =
    <Stored, Changes>(path: '/admin/users/{id}/' | '/admin/groups/{id}/') =>
    (id: number | string, change: Change<Stored, Changes>, { attempts, signal }: UpdateOptions = {}) => {
      const params = { path: { id: String(id) } }
      return readAndUpdate(
        {
          read: () => untyped.GET(path, { params, signal }),
          write: (body: Changes, entityTag) =>
            untyped.PATCH(path, { params, headers: { 'if-match': entityTag }, body, signal }),
        },
        change,
        attempts,
      )
    }

  return {
    ...client,
    dryRun,
    update: updater('/admin/users/{id}/'),
    updateGroup: updater('/admin/groups/{id}/'),
    list: (path: ListPath, options: Partial<ListOptions<ListPath>> = {}): AsyncGenerator<any> =>
      itemsOf(reader(path, options), options.params?.query),
    events: (options = {}) => follow(reader(EVENTS, options), options, timing),
  }
}

/** openapi-fetch types each path by itself; what serves any of several takes it so. */
type Untyped = Record<'GET' | 'PATCH', (path: string, options: object) => Promise<Answered>>

/** A request whose URL has another prefix than the document's paths: openapi-fetch lets URLs be changed nowhere else. */
function requestUnder(baseUrl: string, prefix: string): typeof Request {
  const base = baseUrl.replace(/\/$/, '')
  return class extends Request {
    constructor(...[url, init]: ConstructorParameters<typeof Request>) {
      super(
        String(url).replace(`${base}${DOCUMENTED_PREFIX}/`, () => `${base}${prefix}/`),
        init,
      )
    }
  }
}

/** Says who calls. */
function authorize({ key, authorization }: ClientOptions): Middleware {
  return {
    async onRequest({ request }) {
      const value = typeof authorization === 'function' ? await authorization() : authorization
      if (value !== undefined) request.headers.set('authorization', value)
      else if (key !== undefined) request.headers.set('authorization', `Bearer ${key}`)
    },
  }
}
