/** Changes of users at a steady rate, whatever becomes of them, and how long their answers take. */
import { Agent, request } from 'node:http'
import { setTimeout as sleep } from 'node:timers/promises'

const PER_SECOND = 50
const PATIENCE_MS = 30_000

export interface Latency {
  sent: number
  /** Answered otherwise than 200, or not at all. */
  failed: number
  /** Milliseconds. */
  p50: number
  p99: number
}

export interface SteadyLoad {
  origin: string
  key: string
  /** Their ids are 1 to this. */
  users: number
}

/** @returns `end`, which waits for the last answers */
export function putSteadyLoad({ origin, key, users }: SteadyLoad): { end(): Promise<Latency> } {
  const agent = new Agent({ keepAlive: true })
  const latencies: number[] = []
  let sent = 0
  let failed = 0
  const send = () => {
    const began = performance.now()
    const note = (status = 0) => {
      latencies.push(performance.now() - began)
      if (status !== 200) failed++
    }
    const sending = request(`${origin}/admin/users/${1 + (sent++ % users)}/`, {
      agent,
      method: 'PATCH',
      headers: { authorization: `Bearer ${key}`, 'content-type': 'application/json' },
    })
    sending.on('response', (response) => {
      response.resume()
      response.on('end', () => note(response.statusCode))
    })
    sending.on('error', () => note())
    sending.end(JSON.stringify({ first_name: `Ada ${sent}` }))
  }
  const began = performance.now()
  const timer = setInterval(() => {
    // A timer alone would send fewer when the machine is busy.
    while (sent < ((performance.now() - began) / 1_000) * PER_SECOND) send()
  }, 5)
  return {
    async end() {
      clearInterval(timer)
      for (
        const ended = performance.now();
        latencies.length < sent && performance.now() - ended < PATIENCE_MS;
      )
        await sleep(20)
      agent.destroy()
      const sorted = latencies.toSorted((one, other) => one - other)
      const at = (share: number) => sorted[Math.floor((sorted.length - 1) * share)] ?? Number.NaN
      return { sent, failed, p50: at(0.5), p99: at(0.99) }
    },
  }
}
