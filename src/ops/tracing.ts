/** Traces by OpenTelemetry: a span a request, which those of batches, transactions and statements belong to. */
import { FastifyOtelInstrumentation } from '@fastify/otel'
import { context, diag, type DiagLogger, propagation, SpanStatusCode, trace } from '@opentelemetry/api'
import { OTLPTraceExporter } from '@opentelemetry/exporter-trace-otlp-http'
import {
  defaultResource,
  detectResources,
  envDetector,
  resourceFromAttributes,
} from '@opentelemetry/resources'
import { BatchSpanProcessor, NodeTracerProvider } from '@opentelemetry/sdk-trace-node'
import type { FastifyBaseLogger, FastifyInstance, FastifyRequest } from 'fastify'

/**
 * Sends a trace of each request to a collector, until the app is closed. A trace that a caller began goes on (W3C Trace Context).
 * Register it before all routes.
 * @param endpoint of the collector, without `/v1/traces`. How often it samples, and what headers it sends, the SDK
 *   reads from its own variables (`OTEL_…`)
 * @param quiet paths that no traces are made of
 */
export async function traceRequests(
  app: FastifyInstance,
  endpoint: string,
  { version, quiet }: { version: string; quiet: ReadonlySet<string> },
): Promise<void> {
  startSending(app, endpoint, version)
  const requests = new FastifyOtelInstrumentation({
    // Of a failure its message would be kept, which may quote what was sent. And a refusal is no failure.
    recordExceptions: false,
    instrumentHandler: false,
    instrumentHooks: false,
    ignorePaths: ({ url }) => quiet.has(url),
    requestHook: (span, request) => {
      const route = request.routeOptions.url
      span.updateName(route === undefined ? request.method : `${request.method} ${route}`)
      // Queries hold names and addresses of people.
      span.setAttributes({ 'url.path': pathOf(request), 'user_admin.request_id': request.id })
      request.log = request.log.child({ trace_id: span.spanContext().traceId })
    },
  })
  await app.register(requests.plugin())
  app.addHook('preHandler', (request, _reply, done) => {
    // A body is read in the context of its socket.
    context.with(request.opentelemetry().context ?? context.active(), done)
  })
  app.addHook('onSend', (request, reply, _payload, done) => {
    const { span } = request.opentelemetry()
    // What was set for the error has its message.
    span?.setStatus({ code: reply.statusCode < 500 ? SpanStatusCode.OK : SpanStatusCode.ERROR })
    done()
  })
}

function startSending(app: FastifyInstance, endpoint: string, version: string): void {
  diag.setLogger(warnOn(app.log))
  const provider = new NodeTracerProvider({
    resource: defaultResource()
      .merge(resourceFromAttributes({ 'service.name': 'fastify-user-admin', 'service.version': version }))
      .merge(detectResources({ detectors: [envDetector] })),
    spanProcessors: [new BatchSpanProcessor(new OTLPTraceExporter({ url: `${endpoint}/v1/traces` }))],
  })
  provider.register()
  app.addHook('onClose', async () => {
    await provider.shutdown().catch((err: unknown) => app.log.warn({ err }, 'the last traces were not sent'))
    for (const part of [trace, context, propagation, diag]) part.disable()
  })
}

/** A collector that is away harms nobody, and is told of. */
function warnOn(log: FastifyBaseLogger): DiagLogger {
  const ignore = () => {}
  const warn = (message: string) => log.warn({ reason: firstLine(message) }, 'traces were not sent')
  return { error: warn, warn, info: ignore, debug: ignore, verbose: ignore }
}

const firstLine = (text: string): string => text.split('\n', 1)[0]!.slice(0, 300)

const pathOf = ({ url }: FastifyRequest): string => url.split('?', 1)[0]!.slice(0, 500)
