/** What limits the figures: written by whoever looked into it, and shown in RESULTS.md beside them. */
import type { FigureId } from './figures.js'

export const LIMITS: Partial<Record<FigureId, string>> = {
  patch128:
    'One thread. The event loop of the service is busy for nine tenths of the time, and more than half of what an update ' +
    'costs it (0.15 ms) is Fastify and Node.js: a route that only answers takes 0.09 ms. Between runs of this bench, and ' +
    'hours of a shared machine, the figure lay between 1.6 and 1.9.',
  tail32:
    'A request waits up to three times where that of floor waits once: for the batch before, for locks and reads, and for ' +
    'the write and its commit. Four busy processes share two cores, so each wait may last a time slice more (of batches, ' +
    'the median of the second wait is 1.4 ms, and one of a hundred takes 6 ms). Between runs: 1.0 to 1.3.',
  latency1: 'Two round trips, where floor has one; each wakes PostgreSQL and is woken by it.',
  passwords:
    'One hash keeps eight threads busy. They run at a lower priority, and still share caches and memory.',
  memory:
    'What waits for its answer survives the young generation, and is garbage of the old one afterwards.',
}
