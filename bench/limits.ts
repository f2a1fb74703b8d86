/** What limits the figures: written by whoever looked into it, and shown in RESULTS.md beside them. */
import type { FigureId } from './figures.js'

export const LIMITS: Partial<Record<FigureId, string>> = {
  patch128:
    'One thread, whose event loop is busy for nine tenths of the time with what is mostly Fastify and Node.js. Between ' +
    'runs, and hours of a shared machine: 2.3 to 2.5.',
  tail32:
    'A request waits up to three times where that of floor waits once: for the batch before, for locks and reads, and for ' +
    'the write and its commit. Four busy processes share two cores, so each wait may last a time slice more (of batches, ' +
    'the median of the second wait is 1.4 ms, and one of a hundred takes 6 ms). Between five runs: 0.62 to 1.01.',
  latency1: 'Two round trips, where floor has one; each wakes PostgreSQL and is woken by it.',
  passwords:
    'One hash keeps eight threads busy. They run at a lower priority, and still share caches and memory.',
  memory: 'V8 lets the old generation grow to twice what it needs before all of it is collected.',
}
