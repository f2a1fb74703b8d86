/** `user-admin migrate`: brings the tables up to date, and has the indexes for long lists created or dropped. */
import { Command, Option } from 'commander'
import { naming, readConfig } from '../config.js'
import { createListIndexes, dropListIndexes } from '../db/list-indexes.js'
import { migrate } from '../db/migrate.js'
import { Names } from '../db/names.js'
import { withServer } from './database.js'
import { jsonOption, note, printJson } from './output.js'

const print = (line: string) => process.stdout.write(`${line}\n`)

interface MigrateFlags {
  listIndexes?: boolean
  dropListIndexes?: boolean
  json?: boolean
}

/** Names of migrations and of indexes, as far as they were asked for. */
interface Done {
  applied: string[]
  created?: string[]
  dropped?: string[]
}

const COSTS = `
Indexes for long lists make lists and searches of some 100,000 users and more fast. Each makes updates of the
columns that it is on dearer, and takes room, so that they are created only where you ask for them. Both
options let others read and write meanwhile, and may be used again.`

export const migrateCommand = () =>
  new Command('migrate')
    .description('Brings the tables up to date. Several may run at once.')
    .addOption(
      new Option(
        '--list-indexes',
        'then create the indexes for long lists; updates of users get dearer',
      ).conflicts('dropListIndexes'),
    )
    .option('--drop-list-indexes', 'then drop the indexes for long lists')
    .addOption(jsonOption('what was done, as JSON; each step is told on standard error'))
    .addHelpText('after', COSTS)
    .action(async ({ json = false, ...flags }: MigrateFlags) => {
      const done = await migrateAs(flags, json ? note : print)
      if (json) printJson(done)
      else sayWhatWasNot(done)
    })

async function migrateAs(flags: MigrateFlags, log: (line: string) => void): Promise<Done> {
  const config = readConfig()
  const options = { log, names: new Names(naming(config)) }
  return withServer(config, async (url) => ({
    ...(await migrate(url, options)),
    ...(flags.listIndexes && (await createListIndexes(url, options))),
    ...(flags.dropListIndexes && (await dropListIndexes(url, options))),
  }))
}

function sayWhatWasNot({ applied, created, dropped }: Done): void {
  if (applied.length === 0) print('the database is up to date')
  if (created?.length === 0) print('no index for long lists was created')
  if (dropped?.length === 0) print('there are no indexes for long lists')
}
