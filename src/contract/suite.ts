/** The black-box suite: holds a deployment to its published document and to the contract. */
import type { Test } from './assertions.js'
import { addressing } from './checks/addressing.js'
import { directory } from './checks/directory.js'
import { editing } from './checks/editing.js'
import { faults } from './checks/faults.js'
import { fields } from './checks/fields.js'
import { hostile } from './checks/hostile.js'
import { lifecycles } from './checks/lifecycles.js'
import { lists } from './checks/lists.js'
import { negotiation } from './checks/negotiation.js'
import { passwords } from './checks/passwords.js'
import { published } from './checks/published.js'
import { reading } from './checks/reading.js'
import { sets } from './checks/sets.js'
import { updating } from './checks/updating.js'
import type { Checks, World } from './world.js'

const CHECKS: Record<string, Checks> = {
  published,
  reading,
  updating,
  fields,
  sets,
  passwords,
  faults,
  addressing,
  negotiation,
  hostile,
  lists,
  directory,
  lifecycles,
  editing,
}

/** Runs every check. Whatever a check changed is put back before the next one, also where it fails. */
export async function checkContract(t: Test, world: World): Promise<void> {
  for (const [topic, checks] of Object.entries(CHECKS)) {
    await t.test(topic, async (t) => {
      for (const [name, check] of Object.entries(checks)) {
        await t.test(name, async (t) => {
          try {
            await check(t, world)
          } finally {
            await world.putBack()
          }
          t.strictSame(world.subject.takeViolations(), [], 'every answer is as the document says')
        })
      }
    })
  }
  await t.test('the user of the key is as it was', async (t) => {
    t.strictSame(await world.own.user(), world.own.original)
  })
}
