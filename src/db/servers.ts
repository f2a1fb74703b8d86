/** Connections to the one of several servers that takes changes. node-postgres itself knows no more than one. */
import pg from 'pg'
import { readDatabaseUrl, type Target } from './database-url.js'
import { isConnectionLoss } from './sqlstate.js'

/** Asked of every new connection: whether its server is none that will do. */
const QUESTIONS: Record<Exclude<Target, 'any'>, string> = {
  // Also on where the server is a standby.
  'read-write': "select current_setting('transaction_read_only') = 'on' as refused",
  primary: 'select pg_is_in_recovery() as refused',
}

/** No server will do at present. */
export class NoServerError extends Error {
  override readonly name = 'NoServerError'
  /** sqlclient_unable_to_establish_sqlconnection */
  readonly code = '08001'
}

type Config = pg.ClientConfig & { connectionString: string }

/** A client that connects to the server that its URL says. */
export const makeClient = (config: Config): pg.Client => new (clientFor(config.connectionString))(config)

/** The class of such clients, for a pool. They share what they know of the servers. */
export function clientFor(connectionString: string): typeof pg.Client {
  const { servers, target } = readDatabaseUrl(connectionString)
  return servers.length === 1 && target === 'any' ? pg.Client : clientOf(new Servers(servers, target))
}

function clientOf(servers: Servers): typeof pg.Client {
  return class extends pg.Client {
    readonly #config: Config

    constructor(config: Config) {
      super({ ...config, connectionString: servers.urls[0]! })
      this.#config = config
    }

    override connect(): Promise<pg.Client>
    override connect(callback: (error: Error | null, client?: pg.Client) => void): void
    override connect(
      callback?: (error: Error | null, client?: pg.Client) => void,
    ): Promise<pg.Client> | void {
      const connected = this.#connect()
      if (callback === undefined) return connected
      connected.then(() => callback(null, this), callback)
    }

    async #connect(): Promise<this> {
      const server = await servers.find(this.#config)
      Object.assign(this, server)
      try {
        await super.connect()
        await servers.check(this)
        return this
      } catch (error) {
        servers.forget(server)
        void this.end().catch(() => {})
        throw error
      }
    }
  } as typeof pg.Client
}

interface Server {
  host: string
  port: number
}

/**
 * Looks for the server and remembers it, so that those before it in the list, which may be slow to refuse, are asked once,
 * and not by every connection.
 */
class Servers {
  #found: Promise<Server> | undefined

  constructor(
    readonly urls: readonly string[],
    readonly target: Target,
  ) {}

  find(config: Config): Promise<Server> {
    const found = (this.#found ??= this.#search(config))
    found.catch(() => this.#forget(found))
    return found
  }

  /** Lets the next connection look again. */
  forget(server: Server): void {
    const found = this.#found
    void found?.then((current) => current === server && this.#forget(found))
  }

  #forget(found: Promise<Server>): void {
    if (this.#found === found) this.#found = undefined
  }

  /** @throws NoServerError */
  async check(client: pg.Client): Promise<void> {
    if (this.target === 'any') return
    const { rows } = await client.query<{ refused: boolean }>(QUESTIONS[this.target])
    if (rows[0]!.refused) throw new NoServerError(`${client.host}:${client.port} takes no changes at present`)
  }

  async #search(config: Config): Promise<Server> {
    // All of them together may take as long as one.
    const patience = Math.ceil((config.connectionTimeoutMillis ?? 0) / this.urls.length)
    const reasons: string[] = []
    for (const connectionString of this.urls) {
      const client = new pg.Client({
        ...config,
        connectionString,
        connectionTimeoutMillis: patience,
        query_timeout: patience,
      })
      client.on('error', () => {})
      try {
        await client.connect()
        await this.check(client)
        return { host: client.host, port: client.port }
      } catch (error) {
        // A wrong password, as every other fault of the settings, is told as it is.
        if (!isConnectionLoss(error)) throw error
        reasons.push(reasonOf(error as Error, client))
      } finally {
        void client.end().catch(() => {})
      }
    }
    throw new NoServerError(`none of the servers will do: ${reasons.join('; ')}`)
  }
}

/** A name that stands for several addresses fails once for each of them, and has no message of its own. */
function reasonOf(error: Error & { code?: string }, { host, port }: pg.Client): string {
  return error instanceof NoServerError ? error.message : `${host}:${port}: ${error.message || error.code}`
}
