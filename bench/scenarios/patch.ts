import { type Line, compare, lineOf, rateRatio, tableOf } from '../compare.js'
import type { ServiceName } from '../processes.js'
import type { Chart } from '../results.js'
import type { Scenario } from '../scenarios.js'
import { contendersOf } from './contenders.js'

const CONNECTIONS = [1, 32, 128]
const SERVICES: ServiceName[] = ['floor', 'ordinary', 'ours', 'ours, logging']

/** The operation that the project exists for. */
export const patch: Scenario = async (bench) => {
  const lines = await compare(bench, await contendersOf(bench, SERVICES, () => ({})), CONNECTIONS)
  const ours = (connections: number) => lineOf(lines, 'ours', connections).median
  const floor = (connections: number) => lineOf(lines, 'floor', connections).median
  return {
    sections: [tableOf('PATCH one user', ABOUT, lines, 'floor')],
    figures: {
      patch32: rateRatio(lines, 'ours', 'floor', 32),
      patch128: rateRatio(lines, 'ours', 'floor', 128),
      patch32Ordinary: rateRatio(lines, 'ours', 'ordinary', 32),
      latency1: ours(1).p50 / floor(1).p50,
      tail32: ours(32).p99 / floor(32).p99,
    },
    chart: chartOf('PATCH one user', lines, ['floor', 'ordinary', 'ours']),
  }
}

const ABOUT =
  'A new `first_name` for a random user. `ours` logs from `warn`, and so nothing; `ours, logging` is the ' +
  'default `info`, a line a request, into a file. The peers log nothing.'

/** Requests per second against those of `floor`. */
export const chartOf = (title: string, lines: readonly Line[], names: readonly string[]): Chart => ({
  title,
  groups: CONNECTIONS.map((connections) => ({
    label: `${connections} connection${connections === 1 ? '' : 's'}`,
    bars: names.map((name) => ({ name, value: rateRatio(lines, name, 'floor', connections) })),
  })),
})
