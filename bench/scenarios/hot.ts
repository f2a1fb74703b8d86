import { compare, rateRatio, tableOf } from '../compare.js'
import type { Scenario } from '../scenarios.js'
import { contendersOf } from './contenders.js'

/** Everybody changes the same user. */
export const hot: Scenario = async (bench) => {
  const contenders = await contendersOf(bench, ['floor', 'ordinary', 'ours'], () => ({ ids: [7, 7] }))
  const lines = await compare(bench, contenders, [128])
  return {
    sections: [tableOf('PATCH of one hot user', ABOUT, lines, 'ordinary')],
    figures: { hot: rateRatio(lines, 'ours', 'ordinary', 128) },
  }
}

const ABOUT = 'A new `first_name` for always the same user: each update must wait for the one before it.'
