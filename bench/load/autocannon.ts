/** The same load as `wrk.lua` makes, where wrk is not installed. A process of its own. */
import autocannon from 'autocannon'
import type { LoadOrder } from '../load.js'

const order = JSON.parse(process.argv[2]!) as LoadOrder
const { origin, method, field, key, ids, tag } = order
const isPatch = method === 'PATCH'

const between = (from: number, to: number) => from + Math.floor(Math.random() * (to - from + 1))
let count = 0

function body(): string {
  if (field === 'first_name') return JSON.stringify({ first_name: `${tag}${++count}` })
  const one = between(1, 20)
  return JSON.stringify({ groups: [one, ((one + between(0, 18)) % 20) + 1] })
}

const setupRequest = (request: autocannon.Request): autocannon.Request => ({
  ...request,
  path: `/admin/users/${between(...ids)}/`,
  ...(isPatch && { body: body() }),
})

const run = autocannon(
  {
    url: origin,
    connections: order.connections,
    duration: order.seconds,
    timeout: 10,
    headers: { authorization: `Bearer ${key}`, ...(isPatch && { 'content-type': 'application/json' }) },
    requests: [{ method, setupRequest }],
  },
  (error: unknown, result) => {
    if (error) throw error
    report(result)
  },
)

// Its own figures are whole milliseconds.
const latencies: number[] = []
run.on('response', (_client, _status, _bytes, milliseconds) => latencies.push(milliseconds))

function report({ duration, non2xx, errors, timeouts }: autocannon.Result): void {
  const sorted = latencies.toSorted((a, b) => a - b)
  const percentile = (share: number) => sorted[Math.floor((sorted.length - 1) * share)] ?? 0
  const summary = {
    requests: latencies.length,
    seconds: duration,
    p50: percentile(0.5),
    p99: percentile(0.99),
    refused: non2xx,
    broken: errors + timeouts,
  }
  process.stdout.write(`RESULT ${JSON.stringify(summary)}\n`)
}
