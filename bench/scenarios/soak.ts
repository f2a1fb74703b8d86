import { Agent, get } from 'node:http'
import { performance } from 'node:perf_hooks'
import { setTimeout as sleep } from 'node:timers/promises'
import type { Bench } from '../bench.js'
import { checkWritten, lastEvent, untilQuiet } from '../check.js'
import type { Directory } from '../database.js'
import { putLoad } from '../load.js'
import { median } from '../measure.js'
import { residentOf } from '../proc.js'
import { type Service, startService } from '../processes.js'
import type { Scenario } from '../scenarios.js'
import { loadOn } from './contenders.js'

const CONNECTIONS = 32
const SAMPLES = 30

/** The state of the service after a while. */
interface Sample {
  seconds: number
  residentMb: number
  /** Since the sample before. */
  requestsPerSecond: number
  /** Milliseconds of `/healthz`, which does nothing but wait for the event loop. */
  healthP50: number
  healthP99: number
}

/** Five minutes of load on a service that has just been started. */
export const soak: Scenario = async (bench) => {
  const { resources, build, folder, options } = bench
  const directory = await bench.directory()
  const service = await startService(resources, { name: 'ours', build, folder, databaseUrl: directory.url })
  const since = await untilQuiet(directory)
  const stop = new AbortController()
  const sampling = takeSamples(bench, service, directory, stop.signal)
  const load = { ...loadOn(directory), connections: CONNECTIONS, seconds: options.soakSeconds }
  const { requests } = await putLoad(bench, service.origin, load).finally(() => stop.abort())
  const samples = await sampling
  await untilQuiet(directory)
  await checkWritten(directory, since, requests, CONNECTIONS)
  await service.child.stop()
  return {
    sections: [
      { title: 'Five minutes of PATCH', about: aboutOf(samples), head: HEAD, rows: samples.map(rowOf) },
    ],
    figures: { memory: Math.max(...lastMinute(samples).map(({ residentMb }) => residentMb)) },
  }
}

const HEAD = ['after s', 'resident MB', 'requests/s', '/healthz p50 ms', 'p99 ms']

async function takeSamples(
  { options, say }: Bench,
  service: Service,
  directory: Directory,
  signal: AbortSignal,
): Promise<Sample[]> {
  const interval = options.soakSeconds / SAMPLES
  const samples: Sample[] = []
  const health = watchHealth(service.origin, signal)
  const began = performance.now()
  let [last, lastAt] = [Number(await lastEvent(directory)), began]
  while (samples.length < SAMPLES && !signal.aborted) {
    const due = began + (samples.length + 1) * interval * 1_000
    await sleep(due - performance.now(), undefined, { signal }).catch(() => {})
    const [event, now, resident] = [
      Number(await lastEvent(directory)),
      performance.now(),
      await residentOf(service.child.pid),
    ]
    const latencies = health.splice(0).toSorted((a, b) => a - b)
    samples.push({
      seconds: (now - began) / 1_000,
      residentMb: resident / 1e6,
      requestsPerSecond: (event - last) / ((now - lastAt) / 1_000),
      healthP50: percentile(latencies, 0.5),
      healthP99: percentile(latencies, 0.99),
    })
    ;[last, lastAt] = [event, now]
    const { residentMb, requestsPerSecond } = samples.at(-1)!
    say(`soak ${samples.length}/${SAMPLES}: ${Math.round(residentMb)} MB, ${Math.round(requestsPerSecond)}/s`)
  }
  return samples
}

const percentile = (sorted: number[], share: number) =>
  sorted[Math.floor((sorted.length - 1) * share)] ?? Number.NaN

/**
 * Asks fifty times a second, on one connection. @returns milliseconds; whoever reads them may take them out
 */
function watchHealth(origin: string, signal: AbortSignal): number[] {
  const latencies: number[] = []
  const agent = new Agent({ keepAlive: true, maxSockets: 1 })
  void (async () => {
    while (!signal.aborted) {
      const began = performance.now()
      await ask(`${origin}/healthz`, agent)
      latencies.push(performance.now() - began)
      await sleep(20)
    }
    agent.destroy()
  })()
  return latencies
}

const ask = (url: string, agent: Agent): Promise<void> =>
  new Promise((resolve) => {
    const asking = get(url, { agent }, (response) => response.resume().once('end', resolve))
    // It counts as an answer that took as long; the load itself fails where the service does.
    asking.once('error', () => resolve())
  })

const lastMinute = (samples: Sample[]) => samples.slice(-Math.ceil(SAMPLES / 5))

function aboutOf(samples: Sample[]): string {
  const memory = (some: Sample[]) => Math.round(median(some.map(({ residentMb }) => residentMb)))
  const second = samples.slice(SAMPLES / 5, (2 * SAMPLES) / 5)
  const delay = median(samples.map(({ healthP99 }) => healthP99)).toFixed(1)
  return (
    `A service just started, at ${CONNECTIONS} connections. Resident memory is ${memory(second)} MB in the ` +
    `second fifth of the time and ${memory(lastMinute(samples))} MB in the last. \`/healthz\`, asked ` +
    `beside it, shows the delay of the event loop: p99 ${delay} ms. Here the audit is not emptied meanwhile.`
  )
}

const rowOf = (sample: Sample): string[] => [
  sample.seconds.toFixed(0),
  sample.residentMb.toFixed(0),
  sample.requestsPerSecond.toFixed(0),
  sample.healthP50.toFixed(2),
  sample.healthP99.toFixed(2),
]
