import { compare, tableOf } from '../compare.js'
import type { Scenario } from '../scenarios.js'
import { contendersOf } from './contenders.js'

/** Memberships: what `floor` has no idea of. */
export const groups: Scenario = async (bench) => {
  const contenders = await contendersOf(bench, ['ordinary', 'ours'], () => ({ field: 'groups' }))
  const lines = await compare(bench, contenders, [32])
  return { sections: [tableOf('PATCH of groups', ABOUT, lines, 'ordinary')], figures: {} }
}

const ABOUT = 'Two random groups of twenty in the place of those that a random user had.'
