/** What limits the figures: written by whoever looked into it, and shown in RESULTS.md beside them. */
import type { FigureId } from './figures.js'

const CORES =
  'Two cores for the generator, the service and PostgreSQL. Most of what ours spends is the writing of sockets, three ' +
  'round trips a batch, and a commit costs the floor only 0.2 ms here, so that sharing it saves little.'

export const LIMITS: Partial<Record<FigureId, string>> = {
  patch32: `${CORES} Batches of 15 are too small to pay for it.`,
  patch128: CORES,
  patch32Ordinary: 'The same; the ordinary one needs 1.9 s of CPU for 1,000 requests, ours 0.33 s.',
  tail32: 'A request waits for the look-up of its caller, and then for the batch before its own.',
}
