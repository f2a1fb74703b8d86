/** What operators see: requests, connections, batches, queues, and the process itself, in the format of Prometheus. */
import type { FastifyInstance } from 'fastify'
import type pg from 'pg'
import { collectDefaultMetrics, Counter, Gauge, Histogram, Registry } from 'prom-client'
import type { Stats } from '../http/context.js'

export const PREFIX = 'user_admin_'

/** Seconds: a PATCH takes one millisecond, a password a hundred of them. */
const BUCKETS = [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5]

/** What clients send. Of the others Node.js knows some thirty, and each would be labels for ever. */
const METHODS: ReadonlySet<string> = new Set(['GET', 'HEAD', 'POST', 'PUT', 'PATCH', 'DELETE', 'OPTIONS'])

/** A registry with the metrics of the process, event-loop delay among them. */
export function makeRegistry(): Registry {
  const registry = new Registry()
  collectDefaultMetrics({ register: registry, prefix: PREFIX })
  return registry
}

/** Counts the requests of an app, those that no route takes included. Labels have routes and no URLs, which have no end. */
export function measureRequests(app: FastifyInstance, registry: Registry): void {
  const durations = new Histogram({
    name: `${PREFIX}http_request_duration_seconds`,
    help: 'How long requests took, by method, route and status.',
    labelNames: ['method', 'route', 'status'],
    buckets: BUCKETS,
    registers: [registry],
  })
  app.addHook('onResponse', (request, reply, done) => {
    const route = request.routeOptions.url?.replace(/(?<=.)\/$/, '') ?? 'none'
    const method = METHODS.has(request.method) ? request.method : 'other'
    durations.observe({ method, route, status: reply.statusCode }, reply.elapsedTime / 1_000)
    done()
  })
}

/** Measures what the plugin does, as often as somebody asks. */
export function measureWork(registry: Registry, pool: pg.Pool, stats: () => Stats): void {
  const gauge = (name: string, help: string, values: () => Record<string, number>) =>
    new Gauge({
      name: PREFIX + name,
      help,
      labelNames: ['name'],
      registers: [registry],
      collect() {
        for (const [label, value] of Object.entries(values())) this.set({ name: label }, value)
      },
    })
  const counter = (name: string, help: string, values: () => Record<string, number>) =>
    new Counter({
      name: PREFIX + name,
      help,
      labelNames: ['name'],
      registers: [registry],
      collect() {
        // Counted elsewhere: what is shown is the count, and no more on top of it.
        this.reset()
        for (const [label, value] of Object.entries(values())) this.inc({ name: label }, value)
      },
    })
  const each = <T>(parts: Record<string, T>, value: (part: T) => number) =>
    Object.fromEntries(Object.entries(parts).map(([name, part]) => [name, value(part)]))

  gauge(
    'pool_connections',
    'Connections to the database: all, those that are idle, and requests that wait for one.',
    () => ({
      total: pool.totalCount,
      idle: pool.idleCount,
      waiting: pool.waitingCount,
    }),
  )
  gauge('queue_running', 'Work that is bounded and under way.', () =>
    each(stats().queues, ({ running }) => running),
  )
  gauge('queue_waiting', 'Work that waits for its turn.', () => each(stats().queues, ({ queued }) => queued))
  gauge('batch_waiting', 'What waits to be done in a batch.', () =>
    each(stats().batches, ({ waiting }) => waiting),
  )
  counter('batches_total', 'Batches of updates, reads and look-ups of callers.', () =>
    each(stats().batches, ({ batches }) => batches),
  )
  counter('batch_items_total', 'What was done in batches: by batches, their size.', () =>
    each(stats().batches, ({ items }) => items),
  )
  counter('database_retries_total', 'Work that conflicts with others had run again.', () => ({
    transactions: stats().retries,
  }))
}
