/** Everything that can be run, each in a file of its own. */
import type { Bench } from './bench.js'
import type { Findings } from './results.js'
import type { ScenarioName } from './scenario-names.js'
import { get } from './scenarios/get.js'
import { groups } from './scenarios/groups.js'
import { hot } from './scenarios/hot.js'
import { limited } from './scenarios/limited.js'
import { lists } from './scenarios/lists.js'
import { packageSize } from './scenarios/package.js'
import { passwords } from './scenarios/passwords.js'
import { patch } from './scenarios/patch.js'
import { size } from './scenarios/size.js'
import { soak } from './scenarios/soak.js'
import { startup } from './scenarios/startup.js'
import { statements } from './scenarios/statements.js'

/** Measures, and says what it found. */
export type Scenario = (bench: Bench) => Promise<Findings>

export const SCENARIOS: Record<ScenarioName, Scenario> = {
  patch,
  get,
  statements,
  limited,
  groups,
  hot,
  size,
  passwords,
  soak,
  startup,
  package: packageSize,
  lists,
}
