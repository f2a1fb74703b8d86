import { compare, tableOf } from '../compare.js'
import type { Scenario } from '../scenarios.js'
import { contendersOf } from './contenders.js'

/** The rules have more to look at where the caller is no superuser. */
export const limited: Scenario = async (bench) => {
  const contenders = await contendersOf(bench, ['floor', 'ordinary', 'ours'], ({ limitedKey }) => ({
    key: limitedKey,
  }))
  const lines = await compare(bench, contenders, [32])
  return { sections: [tableOf('PATCH by a caller who is no superuser', ABOUT, lines, 'floor')], figures: {} }
}

const ABOUT =
  'As above, but the caller is staff that holds `auth.change_user`. `floor` still asks nobody anything.'
