import { compare, type Contender, rateRatio, tableOf } from '../compare.js'
import { makeDirectory } from '../database.js'
import { startService } from '../processes.js'
import type { Scenario } from '../scenarios.js'
import { loadOn } from './contenders.js'

const SMALL = 1_000

/** The cost of an update must not grow with the table. */
export const size: Scenario = async (bench) => {
  const { resources, server, build, folder, options } = bench
  const contenders: Contender[] = []
  for (const users of [SMALL, options.largeUsers]) {
    bench.say(`loading ${users} users`)
    const directory = await makeDirectory(resources, server, `directory_${users}`, users)
    const service = await startService(resources, { name: 'ours', build, folder, databaseUrl: directory.url })
    contenders.push({ name: nameOf(users), service, directory, load: loadOn(directory) })
  }
  const lines = await compare(bench, contenders, [32])
  for (const { service } of contenders) await service.child.stop()
  const [small, large] = [nameOf(SMALL), nameOf(options.largeUsers)]
  return {
    sections: [tableOf('PATCH in a small and in a large table', ABOUT, lines, small)],
    figures: { size: rateRatio(lines, large, small, 32) },
  }
}

const nameOf = (users: number) => `ours, ${users.toLocaleString('en')} users`

const ABOUT = 'A new `first_name` for a random user of a table of its own.'
