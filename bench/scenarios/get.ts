import { compare, rateRatio, tableOf } from '../compare.js'
import type { Scenario } from '../scenarios.js'
import { contendersOf } from './contenders.js'
import { chartOf } from './patch.js'

/** Reading, beside a route that does nothing but `SELECT`. */
export const get: Scenario = async (bench) => {
  const contenders = await contendersOf(bench, ['floor', 'ours'], () => ({ method: 'GET' }))
  const lines = await compare(bench, contenders, [1, 32, 128])
  return {
    sections: [tableOf('GET one user', ABOUT, lines, 'floor')],
    figures: { get32: rateRatio(lines, 'ours', 'floor', 32) },
    chart: chartOf('GET one user', lines, ['floor', 'ours']),
  }
}

const ABOUT =
  'A random user. `floor` is a bare `SELECT` of one row; `ours` authenticates, authorises, and reads ' +
  'memberships too.'
