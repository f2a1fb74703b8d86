/** Builds the whole service from a Config, listens, and closes gracefully. */
import { randomUUID } from 'node:crypto'
import { type IncomingMessage, METHODS, type ServerResponse } from 'node:http'
import type { Socket } from 'node:net'
import { setTimeout as sleep } from 'node:timers/promises'
import Fastify, { type ConnectionError, type FastifyInstance, LogController } from 'fastify'
import { type Config, jwtOptions, naming, passwordOptions } from './config.js'
import { openPools, type Pools } from './db/database.js'
import { ProblemError } from './errors.js'
import { collectDocument, serveDocument } from './http/documentation.js'
import { PROBLEM_MEDIA_TYPE, renderProblem, sendProblem, toProblem } from './http/problems.js'
import { requireRules } from './http/access.js'
import { sendSecurityHeaders } from './http/security-headers.js'
import { makeDrain } from './ops/drain.js'
import { HEALTH_PATHS, registerHealth } from './ops/health.js'
import { lowerHashingPriority } from './ops/background-threads.js'
import { logOptions } from './ops/log.js'
import { shedLoad } from './ops/load-shedding.js'
import { makeMetricsServer } from './ops/metrics-server.js'
import { logRequests } from './ops/request-log.js'
import { userAdmin } from './plugin.js'
import { version } from './version.js'

const SECOND = 1_000

/** A service that is built and not yet listening. */
export interface Service {
  app: FastifyInstance
  /** Listens. @returns the URL of the service */
  listen(): Promise<string>
  /** Where the metrics are served, once it listens; undefined where they are not. */
  metricsUrl(): string | undefined
  /** Ends: not ready first, after `SHUTDOWN_DELAY_MS` requests in flight, then the connections to the database. */
  close(): Promise<void>
}

/**
 * Builds the service.
 * @param databaseUrl the database, whose tables are up to date
 */
export async function buildServer(config: Config, databaseUrl: string): Promise<Service> {
  const app = makeApp(config)
  try {
    return await furnish(app, config, databaseUrl)
  } catch (error) {
    // The connections end with it, before whoever runs the database stops that.
    await app.close()
    throw error
  }
}

function makeApp(config: Config): FastifyInstance {
  const documentation = `${config.PREFIX}/problems/`
  const app = Fastify({
    logger: logOptions(config.LOG_LEVEL),
    genReqId: () => randomUUID(),
    ...(config.TRUST_PROXY.length > 0 ? { trustProxy: config.TRUST_PROXY } : {}),
    logController: new LogController({ disableRequestLogging: true }),
    // A slow client is ended: its headers, its whole request, and its silence between two are bounded.
    requestTimeout: 30 * SECOND,
    keepAliveTimeout: 72 * SECOND,
    // Node.js would refuse a request without `Host` by itself, in another shape.
    http: { headersTimeout: 15 * SECOND, connectionsCheckingInterval: 5 * SECOND, requireHostHeader: false },
    routerOptions: { maxParamLength: 16_384 },
    // While it ends, requests that were sent already are answered; new connections are not taken.
    return503OnClosing: false,
    forceCloseConnections: 'idle',
    frameworkErrors: (error, request, reply) =>
      sendProblem(asUrlFault(error), request, reply as never, documentation),
    clientErrorHandler: (error, socket) =>
      onceAnswered(socket, () => refuseMalformed(error, socket, documentation)),
  })
  supportAllMethods(app)
  app.server.on('checkExpectation', (_request, response) => refuseExpectation(response, documentation))
  app.setErrorHandler((error, request, reply) => sendProblem(error, request, reply, documentation))
  app.setNotFoundHandler(() => Promise.reject(new ProblemError('not_found')))
  requireRules(app)
  app.addHook('onRequest', ({ raw }, _reply, done) => done(refuseHosts(raw)))
  return app
}

async function furnish(app: FastifyInstance, config: Config, databaseUrl: string): Promise<Service> {
  await trace(app, config)
  sendSecurityHeaders(app)
  logRequests(app, config.LOG_LEVEL, HEALTH_PATHS)
  await shedLoad(app, config.MAX_EVENT_LOOP_DELAY_MS)
  const drain = makeDrain(app)

  const metrics = config.METRICS_PORT === undefined ? undefined : await serveMetrics(app, config)
  const pools = openPools(databaseUrl, { max: config.POOL_SIZE, timeoutMs: config.DATABASE_TIMEOUT_MS })
  app.addHook('onClose', pools.end)
  await collectDocument(app, version)
  await app.register(userAdmin, {
    ...pluginOptions(config, pools),
    metrics: metrics?.registry,
    prefix: config.PREFIX,
  })
  await app.register(async (scope) => {
    registerHealth(scope, {
      // Not behind those who wait for a connection: being busy is not being broken.
      ping: async () => void (await pools.callersPool.query('select 1')),
      isDraining: drain.hasBegun,
    })
  })
  await serveDocument(app)
  await app.ready()
  await lowerHashingPriority(config.UV_THREADPOOL_SIZE).catch((err: unknown) =>
    app.log.warn({ err }, 'hashing passwords runs at the priority of the service itself'),
  )
  return {
    app,
    listen: async () => {
      await metrics?.listen()
      return app.listen({ host: config.HOST, port: config.PORT })
    },
    metricsUrl: () => metrics?.url(),
    close: async () => {
      drain.begin()
      if (app.server.listening) await sleep(config.SHUTDOWN_DELAY_MS)
      await drain.finish()
      await app.close()
    },
  }
}

/** Loaded where it is wanted, since it is large. */
async function trace(app: FastifyInstance, { OTEL_EXPORTER_OTLP_ENDPOINT: endpoint }: Config): Promise<void> {
  if (endpoint === undefined) return
  const { traceRequests } = await import('./ops/tracing.js')
  await traceRequests(app, endpoint, { version, quiet: HEALTH_PATHS })
}

/** Metrics of the service, on a port of their own. */
async function serveMetrics(app: FastifyInstance, { METRICS_HOST: host, METRICS_PORT: port = 0 }: Config) {
  const { makeRegistry, measureRequests } = await import('./ops/metrics.js')
  const registry = makeRegistry()
  measureRequests(app, registry)
  const server = makeMetricsServer(registry)
  app.addHook('onClose', () => server.close())
  let url: string | undefined
  return {
    registry,
    listen: async () => void (url = `${await server.listen({ host, port })}/metrics`),
    url: () => url,
  }
}

const pluginOptions = (config: Config, { pool, callersPool }: Pools) => ({
  database: pool,
  callersPool,
  databaseTimeoutMs: config.DATABASE_TIMEOUT_MS,
  prepared: config.PG_PREPARED,
  patchRequired: config.PATCH_REQUIRED,
  firstNameMaxLength: config.FIRST_NAME_MAX_LENGTH,
  passwords: passwordOptions(config),
  hashing: { concurrency: config.HASH_CONCURRENCY, maxQueued: config.HASH_QUEUE },
  ...naming(config),
  adminLog: config.DJANGO_ADMIN_LOG && { user: config.DJANGO_ADMIN_LOG_USER },
  tokens: config.DRF_TOKENS,
  jwt: jwtOptions(config),
  auditRetentionDays: config.AUDIT_RETENTION_DAYS,
  pageSize: config.PAGE_SIZE,
  requireIfMatch: config.REQUIRE_IF_MATCH,
  rateLimits: {
    perAddress: config.RATE_LIMIT_PER_ADDRESS,
    perCaller: config.RATE_LIMIT_PER_CALLER,
    shared: config.RATE_LIMIT_SHARED,
  },
})

/** So that a method that nobody registered is 405 where the URL exists, and not 404. */
function supportAllMethods(app: FastifyInstance): void {
  for (const method of METHODS) {
    // CONNECT is no request for a resource: Node.js hands it to another event.
    if (method !== 'CONNECT' && !app.supportedMethods.includes(method))
      app.addHttpMethod(method, { hasBody: true })
  }
}

/** RFC 9112 §3.2: exactly one `Host`. Of several, Node.js would take the first, and a proxy perhaps another. */
function refuseHosts({ rawHeaders, headers, httpVersion }: IncomingMessage): ProblemError | undefined {
  if (headers.host === undefined) {
    const isNeeded = httpVersion === '1.1'
    return isNeeded ? new ProblemError('bad_request', { detail: 'The header Host is missing.' }) : undefined
  }
  const hosts = rawHeaders.filter((name, index) => index % 2 === 0 && name.toLowerCase() === 'host')
  return hosts.length > 1
    ? new ProblemError('bad_request', { detail: 'The header Host was sent twice.' })
    : undefined
}

/** A URL that can't be decoded names nothing. */
const asUrlFault = (error: Error & { code?: string }) =>
  error.code === 'FST_ERR_BAD_URL' ? new ProblemError('not_found', { cause: error }) : error

/** Node.js would answer with an empty body. */
function refuseExpectation(response: ServerResponse, documentation: string): void {
  const problem = new ProblemError('expectation_failed')
  response
    .writeHead(problem.status, { 'content-type': PROBLEM_MEDIA_TYPE, connection: 'close' })
    .end(JSON.stringify(renderProblem(problem, randomUUID(), documentation)))
}

/**
 * What is malformed may come after a whole request: that one is answered first, or a change would be made and its answer be
 * taken for a refusal.
 */
function onceAnswered(socket: Socket, refuse: () => void): void {
  // Node.js keeps the answer that is due on its socket, where its own handler of such errors looks as well.
  const { _httpMessage: due } = socket as Socket & { _httpMessage?: ServerResponse | null }
  if (due?.req.complete && !due.writableFinished) due.once('finish', refuse)
  else refuse()
}

/** Answers what is no HTTP request, before there is any request object. */
function refuseMalformed(error: ConnectionError, socket: Socket, documentation: string): void {
  if (error.code === 'ECONNRESET' || !socket.writable) return void socket.destroy()
  const code =
    error.code === 'HPE_HEADER_OVERFLOW'
      ? 'headers_too_large'
      : error.code === 'ERR_HTTP_REQUEST_TIMEOUT'
        ? 'request_timeout'
        : 'bad_request'
  const problem = toProblem(new ProblemError(code))
  // An answer to HEAD has no body, even if nothing else of the request could be read.
  // (Fastify's type describes the packet as JSON; it is a Buffer.)
  const packet = error.rawPacket as unknown as Buffer | undefined
  const isHead = packet?.subarray(0, 5).toString('latin1') === 'HEAD '
  const body = isHead ? '' : JSON.stringify(renderProblem(problem, randomUUID(), documentation))
  const reason = { 400: 'Bad Request', 408: 'Request Timeout', 431: 'Request Header Fields Too Large' }[
    problem.status
  ]
  socket.end(
    `HTTP/1.1 ${problem.status} ${reason}\r\ncontent-type: application/problem+json; charset=utf-8\r\n` +
      `content-length: ${Buffer.byteLength(body)}\r\nconnection: close\r\n\r\n${body}`,
  )
}
