/** The balancer of `examples/two-replicas`, before two services with the settings of its docker-compose.yml: one is restarted, and nobody sees it. */
import { setTimeout as sleep } from 'node:timers/promises'
import t from 'tap'
import { readConfig } from '../../src/config.js'
import { readExample } from '../helpers/compose.js'
import { type Running, spawnStart } from '../helpers/cli.js'
import { until } from '../helpers/until.js'
import { createDatabase } from '../helpers/database.js'
import { freePort } from '../helpers/free-port.js'
import { fixturesOf, requester } from '../helpers/service.js'
import { hasHaProxy, startHaProxy } from './haproxy.js'

/** Requests at once, and how long each waits before its next: enough to be there at every moment of a restart. */
const CLIENTS = 8
const PAUSE_MS = 20

t.test(
  'requests go to both, and one may end',
  { skip: !hasHaProxy() && 'there is no HAProxy' },
  async (t) => {
    const { url: DATABASE_URL, pool } = await createDatabase(t)
    const { makeUser, makeCaller } = fixturesOf(pool, readConfig({}))
    const id = await makeUser()
    const { key } = await makeCaller()
    const { environment } = readExample().services['replica-1']!
    const settings = { ...environment, DATABASE_URL, HOST: '127.0.0.1', TRUST_PROXY: '127.0.0.1' }
    const replicas = await Promise.all([startReplica(), startReplica()])
    const balancer = await startHaProxy(t, [replicas[0].url, replicas[1].url])

    async function startReplica(): Promise<Running> {
      const own = { PORT: String(await freePort()), LOG_LEVEL: 'info', MAX_EVENT_LOOP_DELAY_MS: '0' }
      // Limits are not what is looked at here.
      return spawnStart(t, { ...settings, ...own, RATE_LIMIT_PER_ADDRESS: '10000000' })
    }

    const loggedBy = ({ output }: Running) =>
      output.stdout.match(new RegExp(`"/admin/users/${id}/"`, 'g'))?.length ?? 0
    const failed: string[] = []
    const stopped = new AbortController()
    let sent = 0
    async function ask(): Promise<void> {
      const request = requester(balancer)
      while (!stopped.signal.aborted) {
        const body = ++sent % 4 === 0 ? { last_name: `name ${sent}` } : undefined
        const asked = request(body === undefined ? 'GET' : 'PATCH', `/admin/users/${id}/`, { key, body })
        const outcome = await asked.catch((error: unknown) => ({ status: 0, text: String(error) }))
        if (outcome.status !== 200) failed.push(`${outcome.status} ${outcome.text}`)
        await sleep(PAUSE_MS)
      }
    }
    const asking = Promise.all(Array.from({ length: CLIENTS }, ask))
    const bothAnswer = () => replicas.every((replica) => loggedBy(replica) > 0)
    await until(bothAnswer)

    replicas[0].kill('SIGTERM')
    t.equal(await replicas[0].ended, 0, 'it ended by itself')
    const alone = loggedBy(replicas[1])
    await until(() => loggedBy(replicas[1]) > alone + CLIENTS)
    stopped.abort()
    await asking
    t.same(failed.slice(0, 5), [], `none of ${sent} requests failed`)
    t.match(replicas[1].output.stdout, '"127.0.0.1"', 'the log has the address of the client')
  },
)
