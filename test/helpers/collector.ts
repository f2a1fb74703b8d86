/** A collector of OpenTelemetry: takes traces by OTLP over HTTP, and keeps them. */
import { startAnswering, JSON_HEADERS } from './answering-server.js'

export interface CollectedSpan {
  traceId: string
  spanId: string
  parentSpanId?: string
  name: string
  /** 1 internal, 2 server, 3 client. */
  kind: number
  /** 0 unset, 1 ok, 2 error. */
  status: { code: number; message?: string }
  attributes: Record<string, unknown>
  links: { traceId: string; spanId: string }[]
}

interface Sent {
  resourceSpans: { resource: { attributes: Sent['attributes'] }; scopeSpans: { spans: SentSpan[] }[] }[]
  attributes: { key: string; value: Record<string, unknown> }[]
}
type SentSpan = Omit<CollectedSpan, 'attributes' | 'links'> & {
  attributes: Sent['attributes']
  links?: CollectedSpan['links']
}

export interface Collector {
  url: string
  spans: CollectedSpan[]
  /** The attributes of whoever sent them. */
  resource: Record<string, unknown>
  /** All that came, as it came. */
  text(): string
}

/** Collects until `t` is over. */
export async function startCollector(t: { teardown(fn: () => unknown): unknown }): Promise<Collector> {
  const bodies: string[] = []
  const collector: Collector = { url: '', spans: [], resource: {}, text: () => bodies.join('\n') }
  collector.url = await startAnswering(t, ({ url }, body) => {
    if (url !== '/v1/traces') return { status: 404 }
    bodies.push(body)
    for (const { resource, scopeSpans } of (JSON.parse(body) as Sent).resourceSpans) {
      collector.resource = valuesOf(resource.attributes)
      collector.spans.push(...scopeSpans.flatMap(({ spans }) => spans.map(read)))
    }
    return { status: 200, headers: JSON_HEADERS, body: '{}' }
  })
  return collector
}

const read = ({ attributes, links = [], ...span }: SentSpan): CollectedSpan => ({
  ...span,
  attributes: valuesOf(attributes),
  links,
})

const valuesOf = (attributes: Sent['attributes']): Record<string, unknown> =>
  Object.fromEntries(attributes.map(({ key, value }) => [key, Object.values(value)[0]]))
