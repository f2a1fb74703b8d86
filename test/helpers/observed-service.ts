/** A service as a process of its own, and everything that it lets anybody see. */
import type { Test } from 'tap'
import { type Environment, type Running, spawnStart } from './cli.js'
import { startCollector } from './collector.js'
import { freePort } from './free-port.js'
import { type IdentityProvider, startIdentityProvider } from './identity-provider.js'
import { type Answer, requester, startService, type TestService } from './service.js'

export interface ObservedService {
  /** Another service on the same database: its fixtures. */
  seeded: TestService
  provider: IdentityProvider
  /** Its answers are remembered. */
  request: TestService['request']
  /** Ends it. @returns what was seen, by where */
  end(): Promise<Record<'answers' | 'log' | 'audit' | 'kept answers' | 'traces' | 'metrics', string>>
}

/** Starts it, with the log as talkative as it gets, traces and metrics. */
export async function startObserved(t: Test, settings: Environment = {}): Promise<ObservedService> {
  const seeded = await startService(t)
  const provider = await startIdentityProvider(t)
  const collector = await startCollector(t)
  const METRICS_PORT = String(await freePort())
  const service: Running = await spawnStart(t, {
    ...provider.settings,
    OTEL_EXPORTER_OTLP_ENDPOINT: collector.url,
    METRICS_PORT,
    DATABASE_URL: seeded.databaseUrl,
    LOG_LEVEL: 'trace',
    ...settings,
  })
  const answers: Answer[] = []
  const ask = requester(service.url)
  const textOf = async (sql: string) => JSON.stringify((await seeded.pool.query(sql)).rows)
  return {
    seeded,
    provider,
    async request(...call) {
      const answer = await ask(...call)
      answers.push(answer)
      return answer
    },
    async end() {
      const metrics = await (await fetch(`http://127.0.0.1:${METRICS_PORT}/metrics`)).text()
      service.kill('SIGTERM')
      await service.ended
      return {
        answers: answers.map(({ text, headers }) => text + JSON.stringify(headers)).join('\n'),
        log: service.output.stdout + service.output.stderr,
        audit: await textOf('select e::text from user_admin.audit_event e'),
        'kept answers': await textOf('select a::text from user_admin.idempotent_answer a'),
        traces: collector.text(),
        metrics,
      }
    },
  }
}
