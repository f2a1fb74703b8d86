/** The statements that a PATCH of ours sends, as it sends them: whatever the code says, this is what runs. */
import { randomUUID } from 'node:crypto'
import Fastify from 'fastify'
import type pg from 'pg'
import { openPool } from '../src/db/database.js'
import { userAdmin } from '../src/plugin.js'
import type { Directory } from './database.js'

/** A statement on its way to PostgreSQL. */
export interface SentStatement {
  sql: string
  values: unknown[]
  /** Whether it left while an earlier one was still without an answer. */
  isPipelined: boolean
}

/**
 * Changes a user's `first_name` through the plugin, and listens.
 * @returns the statements of its transaction, in order, the look-up of the caller among them
 */
export const recordPatch = (directory: Directory, id: number, firstName: string): Promise<SentStatement[]> =>
  recordSecond(directory, (app, isRecorded) => patch(app, directory, id, isRecorded ? firstName : 'before'))

/** Reads what is at a URL through the plugin, and listens. @returns the statements, in order */
export const recordGet = (directory: Directory, url: string): Promise<SentStatement[]> =>
  recordSecond(directory, (app) => get(app, directory, url))

/** Does it twice: of who was seen before, the look-up travels with the transaction. */
async function recordSecond(
  directory: Directory,
  ask: (app: App, isRecorded: boolean) => Promise<void>,
): Promise<SentStatement[]> {
  const pool = openPool(directory.url, { max: 1, timeoutMs: 10_000 })
  const sent: SentStatement[] = []
  pool.on('connect', (client) => listen(client, sent))
  const app = Fastify({ genReqId: () => randomUUID() })
  await app.register(userAdmin, { prefix: '/admin', database: pool })
  try {
    await ask(app, false)
    sent.length = 0
    await ask(app, true)
  } finally {
    await app.close()
    await pool.end()
  }
  return sent
}

type App = ReturnType<typeof Fastify>

type Query = (...args: unknown[]) => Promise<unknown> | undefined

function listen(client: pg.PoolClient, sent: SentStatement[]): void {
  const query = client.query.bind(client) as Query
  let unanswered = 0
  const answered = () => void (unanswered -= 1)
  const listening: Query = (...args) => {
    sent.push({ ...read(args), isPipelined: unanswered > 0 })
    unanswered += 1
    // The pool gives a callback, and a transaction awaits a promise.
    const callback = args.at(-1)
    if (typeof callback !== 'function') {
      const answer = query(...args)!
      answer.then(answered, answered)
      return answer
    }
    const listened = (...outcome: unknown[]) => {
      answered()
      callback(...outcome)
    }
    return query(...args.slice(0, -1), listened)
  }
  Object.assign(client, { query: listening })
}

function read([first, second]: unknown[]): Pick<SentStatement, 'sql' | 'values'> {
  const { text, values } =
    typeof first === 'string' ? { text: first } : (first as { text: string; values?: unknown[] })
  return { sql: text, values: Array.isArray(second) ? second : (values ?? []) }
}

async function get(app: App, { superuserKey }: Directory, url: string): Promise<void> {
  const headers = { authorization: `Bearer ${superuserKey}` }
  const { statusCode, body } = await app.inject({ method: 'GET', url, headers })
  if (statusCode !== 200) throw new Error(`the recorded GET was answered with ${statusCode}: ${body}`)
}

async function patch(app: App, { superuserKey }: Directory, id: number, firstName: string): Promise<void> {
  const { statusCode, body } = await app.inject({
    method: 'PATCH',
    url: `/admin/users/${id}/`,
    headers: { authorization: `Bearer ${superuserKey}` },
    payload: { first_name: firstName },
  })
  if (statusCode !== 200) throw new Error(`the recorded PATCH was answered with ${statusCode}: ${body}`)
}
