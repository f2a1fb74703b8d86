/**
 * Spans of OpenTelemetry, for whoever follows a request down to its SQL. Made only within a span that is recorded, which the
 * service's own tracing or that of a host begins; without one nothing is made, and nearly nothing is done.
 */
import {
  type Attributes,
  context,
  type Context,
  type Link,
  propagation,
  ROOT_CONTEXT as NO_SPAN,
  type Span,
  SpanKind,
  type SpanOptions,
  SpanStatusCode,
  trace,
} from '@opentelemetry/api'

const tracer = () => trace.getTracer('fastify-user-admin')

const isRecorded = (parent: Context): boolean => trace.getSpan(parent)?.isRecording() === true

/** Of something else that answers: a database, a server. */
export const CLIENT = SpanKind.CLIENT

/** What a request to another server carries, so that it can go on with the trace (W3C Trace Context). */
export function traceHeaders(): Record<string, string> {
  const headers: Record<string, string> = {}
  propagation.inject(context.active(), headers)
  return headers
}

/** Does `work` within a span. Of an error it keeps the code and no text, which may quote what was sent. */
export function inSpan<Result>(
  name: string,
  options: SpanOptions,
  work: () => Promise<Result>,
): Promise<Result> {
  const parent = context.active()
  if (!isRecorded(parent)) return work()
  const span = tracer().startSpan(name, options, parent)
  return endWith(span, context.with(trace.setSpan(parent, span), work))
}

/** The span of an item that waits to be done together with others; none where its request is not recorded. */
export type ItemSpan = Span | undefined

/** Lasts from when an item is given to a batcher until it is done. */
export function inItemSpan<Result>(
  name: string,
  submit: (span: ItemSpan) => Promise<Result>,
): Promise<Result> {
  const parent = context.active()
  if (!isRecorded(parent)) return submit(undefined)
  const span = tracer().startSpan(`submit ${name}`, {}, parent)
  return endWith(span, submit(span))
}

/**
 * Does the work of a batch within a span of the first item that has one. The spans of the others and that of the batch are
 * linked to each other, as a trace is a tree, and they have one parent each.
 */
export function inBatchSpan<Result>(
  name: string,
  items: readonly ItemSpan[],
  work: () => Promise<Result>,
): Promise<Result> {
  const [first, ...others] = items.filter((item) => item !== undefined)
  // Not in the context of whichever request happened to begin it.
  if (first === undefined) return context.with(NO_SPAN, work)
  const links: Link[] = others.map((item) => ({ context: item.spanContext() }))
  const parent = trace.setSpan(NO_SPAN, first)
  const attributes = { 'user_admin.batch.size': items.length }
  const span = tracer().startSpan(`batch ${name}`, { attributes, links }, parent)
  for (const item of others) item.addLink({ context: span.spanContext() })
  return endWith(span, context.with(trace.setSpan(parent, span), work))
}

async function endWith<Result>(span: Span, work: Promise<Result>): Promise<Result> {
  try {
    return await work
  } catch (error) {
    span.setStatus(statusOf(error)).setAttributes(errorAttributes(error))
    throw error
  } finally {
    span.end()
  }
}

/** A refusal is no fault of the service. */
const statusOf = (error: unknown) => ({
  code: isRefusal(error) ? SpanStatusCode.UNSET : SpanStatusCode.ERROR,
})

const isRefusal = (error: unknown): boolean => {
  const { status } = (error ?? {}) as { status?: unknown }
  return typeof status === 'number' && status < 500
}

/** The SQLSTATE, or the code of a problem or of Node.js; else the name of the error's class. */
function errorAttributes(error: unknown): Attributes {
  const { code, name, severity } = (error ?? {}) as Record<string, unknown>
  const type = typeof code === 'string' ? code : typeof name === 'string' ? name : 'unknown'
  return severity === undefined
    ? { 'error.type': type }
    : { 'error.type': type, 'db.response.status_code': type }
}
