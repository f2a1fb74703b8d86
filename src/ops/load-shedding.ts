/** Refuses work while the service has fallen behind: what is begun must be ended. */
import underPressure from '@fastify/under-pressure'
import type { FastifyInstance } from 'fastify'
import { unavailable } from '../errors.js'
import { HEALTH_PATHS } from './health.js'

/** Milliseconds between two looks at the delay. */
const SAMPLE_MS = 1_000

/** @param maxDelayMs by which the event loop may be late on average; 0 for any delay */
export async function shedLoad(app: FastifyInstance, maxDelayMs: number): Promise<void> {
  if (maxDelayMs === 0) return
  // What the start itself took says nothing of the load.
  let isStarted = false
  app.addHook('onListen', (done) => {
    setTimeout(() => (isStarted = true), 2 * SAMPLE_MS).unref()
    done()
  })
  await app.register(underPressure, {
    maxEventLoopDelay: maxDelayMs,
    sampleInterval: SAMPLE_MS,
    // A supervisor that gets no answer would end the process, and a balancer would send others even more.
    pressureHandler: async ({ routeOptions: { url = '' } }, _reply, _type, delay) => {
      // Infinite where nothing was measured.
      if (!isStarted || HEALTH_PATHS.has(url) || delay === Infinity) return
      throw unavailable('busy', 'The service has fallen behind.')
    },
  })
}
