/** HAProxy, as Debian has it, with the configuration of `examples/two-replicas`. */
import { spawn, spawnSync } from 'node:child_process'
import { once } from 'node:events'
import path from 'node:path'
import type { Test } from 'tap'
import { until } from '../helpers/until.js'
import { freePort } from '../helpers/free-port.js'
import { requester } from '../helpers/service.js'

const CONFIG = path.resolve(import.meta.dirname, '../../examples/two-replicas/haproxy.cfg')
const PROGRAM = process.env.HAPROXY || '/usr/sbin/haproxy'

export const hasHaProxy = (): boolean => spawnSync(PROGRAM, ['-v']).status === 0

/**
 * Starts it before two replicas; it ends with `t`.
 * @returns its URL, once both are ready for it
 */
export async function startHaProxy(t: Test, replicas: readonly [string, string]): Promise<string> {
  const port = await freePort()
  const [first, second] = replicas.map((url) => new URL(url).host)
  const child = spawn(PROGRAM, ['-db', '-f', CONFIG], {
    env: { BALANCER_ADDRESS: `127.0.0.1:${port}`, REPLICA_1: first, REPLICA_2: second },
  })
  let said = ''
  child.stderr.on('data', (chunk) => (said += String(chunk)))
  const ended = once(child, 'close')
  t.teardown(async () => {
    child.kill('SIGTERM')
    await ended
  })
  const url = `http://127.0.0.1:${port}`
  await until(async () => {
    if (child.exitCode !== null) throw new Error(`HAProxy ended: ${said}`)
    return requester(url)('GET', '/readyz')
      .then(({ status }) => status === 200)
      .catch(() => false)
  })
  return url
}
