/** Reading audit events: as a list, and as a feed that misses none. */
import { setTimeout as sleep } from 'node:timers/promises'
import { sql, type SqlBool } from 'kysely'
import type { Event, EventListQuery } from '../../schemas/index.js'
import { unavailable } from '../errors.js'
import type { Database, Queryable } from './database.js'
import {
  type Condition,
  conditionsBy,
  type ConditionTable,
  type ListSource,
  type Page,
  type PageRequest,
  rangeConditions,
  readPage,
} from './list.js'
import { query, statement, unnamed } from './statement.js'

/** Events, as a list. */
export const eventSource = {
  from: sql`user_admin.audit_event as t`,
  columns: sql<Event>`t.*`,
  keys: {
    id: { expression: sql`t.id`, type: 'bigint', isUnique: true, of: ({ id }: Event) => id },
  },
} satisfies ListSource<Event>

/** Which events are wanted: as the parameters of the list say, with ids as numbers. */
export type EventFilter = Omit<
  EventListQuery,
  'actor' | 'target' | 'after' | 'wait' | 'page' | 'ordering' | 'fields'
> & { actorId?: number | undefined; targetId?: number | undefined }

const CONDITIONS: ConditionTable<EventFilter> = {
  action: (value) => sql`t.action = ${value}`,
  outcome: (value) => sql`t.outcome = ${value}`,
  target_type: (value) => sql`t.target_type = ${value}`,
  targetId: (value) => sql`t.target_id = ${value}::bigint`,
  actorId: (value) => sql`t.actor_id = ${value}::bigint`,
  ...rangeConditions('occurred_at'),
}

const conditionsOf = (filter: EventFilter): Condition[] =>
  conditionsBy(CONDITIONS, filter).map(({ condition }) => condition)

/** One page of the events that the filter lets through. */
export const listEvents = (db: Database, filter: EventFilter, page: PageRequest): Promise<Page<Event>> =>
  readPage(db, eventSource, conditionsOf(filter), page)

/** What a consumer of the feed asks for. */
export interface FeedRequest {
  /** 0 for the oldest that is kept. */
  after: number
  filter: EventFilter
  /** Events, at most. */
  size: number
}

/** What a consumer of the feed gets. */
export interface Feed {
  events: Event[]
  /** Where to go on: every event up to this one is answered, or was filtered out. */
  position: number
}

/**
 * The events after a position, oldest first. None is ever left out: ids are given in the order of writing, but transactions
 * commit in another. So where ids are missing, the writers that are at work are waited for, and what they wrote is read too;
 * what is missing then was rolled back. Every writer locks the table before it takes an id, which is what tells who is at work.
 * @param writersEnd waits until those who are writing events when it is called have ended
 * @returns undefined where some of the events after the position were removed since, and where there never was such a position
 * @throws `unavailable` where a writer does not end in time
 */
export async function readFeed(
  db: Database,
  { after, filter, size }: FeedRequest,
  writersEnd: () => Promise<void>,
): Promise<Feed | undefined> {
  const conditions = conditionsOf(filter)
  // Of what is filtered, more is looked at than is answered.
  const first = await readIds(db, after, conditions.length > 0 ? Math.max(size, BLOCK) : size)
  if (after > 0 && after < first.removedThrough) return undefined
  const start = Math.max(after, first.removedThrough)
  const ids = first.ids.filter((id) => id > start)
  const last = ids.at(-1)
  if (last === undefined) {
    // A position that nothing led to is one of another life of the database, before a backup was restored.
    const newest = Math.max(await newestEventId(db), first.removedThrough)
    return newest < after ? undefined : { events: [], position: after }
  }
  if (last - start > ids.length) await writersEnd()
  const inBlock = sql<SqlBool>`t.id > ${start}::bigint and t.id <= ${last}::bigint`
  const events = await db.run(
    unnamed(sql<Event>`select ${eventSource.columns} from ${eventSource.from}
      where ${sql.join([inBlock, ...conditions], sql` and `)} order by t.id limit ${size}`),
  )
  // Some may have been removed while this was read.
  const { removedThrough } = await readIds(db, after, 0)
  if (removedThrough > start)
    return after === 0 ? readFeed(db, { after, filter, size }, writersEnd) : undefined
  return { events, position: events.length === size ? events.at(-1)!.id : last }
}

/** Events that are looked at, where a filter may let none of them through. */
const BLOCK = 1_000

/** The newest id: 0 where there is no event. */
export async function newestEventId(db: Queryable): Promise<number> {
  const [row] = await db.run(newestStatement)
  return row?.id ?? 0
}

const newestStatement = statement('newest_event', () =>
  query.selectFrom('user_admin.audit_event').select('id').orderBy('id', 'desc').limit(1),
)

const idsStatement = statement('event_ids', (after: number, size: number) =>
  query.selectNoFrom([
    sql<number>`(select removed_through from user_admin.audit_retention)`.as('removedThrough'),
    sql<number[]>`array(
      select id from user_admin.audit_event where id > ${after}::bigint order by id limit ${size}::int
    )`.as('ids'),
  ]),
)

async function readIds(db: Queryable, after: number, size: number) {
  const [row] = await db.run(idsStatement, after, size)
  return row!
}

const writersStatement = statement('event_writers', () =>
  query.selectNoFrom(
    sql<string[]>`array(
      select virtualtransaction from pg_locks
      where relation = 'user_admin.audit_event'::regclass and mode = 'RowExclusiveLock' and granted
        and database = (select oid from pg_database where datname = current_database())
    )`.as('transactions'),
  ),
)

/** Between two looks at who is still writing: the first, and the longest. */
const [FIRST_POLL_MS, LAST_POLL_MS] = [5, 100]

/**
 * Waits until those who are writing events now have ended.
 * @throws `unavailable` where one does not end in time
 */
export async function eventWritersEnd(db: Database): Promise<void> {
  const writers = async () => (await db.run(writersStatement))[0]!.transactions
  const deadline = performance.now() + db.options.timeoutMs * 2
  let waitedFor = new Set(await writers())
  for (let poll = FIRST_POLL_MS; waitedFor.size > 0; poll = Math.min(poll * 2, LAST_POLL_MS)) {
    if (performance.now() > deadline)
      throw unavailable('unavailable', 'A transaction that writes events does not end.')
    await sleep(poll)
    waitedFor = new Set((await writers()).filter((transaction) => waitedFor.has(transaction)))
  }
}

const removeStatement = statement('remove_events', (days: number, limit: number) =>
  query
    // Of the first ones alone: what comes after something young is not looked at.
    .with('first', (db) =>
      db
        .selectFrom('user_admin.audit_event')
        .select(['id', 'occurred_at'])
        .orderBy('id')
        .limit(sql<number>`${limit}::int`),
    )
    .with('old', (db) =>
      db
        .selectFrom('first')
        .select('id')
        .where('occurred_at', '<', sql<string>`now() - make_interval(days => ${days}::int)`),
    )
    .with('removed', (db) =>
      db
        .deleteFrom('user_admin.audit_event')
        .where('id', 'in', (from) => from.selectFrom('old').select('id'))
        .returning('id'),
    )
    .updateTable('user_admin.audit_retention')
    .set({
      removed_through: sql<number>`greatest(removed_through, (select max(id) from removed))`,
    })
    .where(sql<boolean>`exists (select from removed)`)
    .returning(sql<number>`(select count(*) from removed)`.as('count')),
)

/** Events of one step: a transaction stays short. */
const STEP = 5_000

/**
 * Removes events that are older, step by step until `signal` says stop, and notes up to which one they are gone: who follows them is told.
 * @returns how many were removed
 */
export async function removeEvents(db: Database, days: number, signal: AbortSignal): Promise<number> {
  let removed = 0
  for (;;) {
    if (signal.aborted) return removed
    const [row] = await db.transaction((transaction) => transaction.run(removeStatement, days, STEP))
    removed += row?.count ?? 0
    if ((row?.count ?? 0) < STEP) return removed
  }
}
