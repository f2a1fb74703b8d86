/** What can be run, in the order in which it is run and reported. */
export const SCENARIO_NAMES = [
  'patch',
  'get',
  'statements',
  'limited',
  'groups',
  'hot',
  'size',
  'passwords',
  'soak',
  'startup',
  'package',
  'lists',
] as const

export type ScenarioName = (typeof SCENARIO_NAMES)[number]
