/** `user-admin migrate`: brings the tables up to date, and has the indexes for long lists created or dropped. */
import { Command, Option } from 'commander'
import { naming, readConfig } from '../config.js'
import { createListIndexes, dropListIndexes, type ListIndexOptions } from '../db/list-indexes.js'
import { migrate } from '../db/migrate.js'
import { Names } from '../db/names.js'
import { withServer } from './database.js'

const print = (line: string) => process.stdout.write(`${line}\n`)

interface MigrateFlags {
  listIndexes?: boolean
  dropListIndexes?: boolean
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
    .addHelpText('after', COSTS)
    .action((flags: MigrateFlags) => {
      const config = readConfig()
      const options = { log: print, names: new Names(naming(config)) }
      return withServer(config, async (url) => {
        const { applied } = await migrate(url, options)
        if (applied.length === 0) print('the database is up to date')
        if (flags.listIndexes) await addIndexes(url, options)
        if (flags.dropListIndexes) await removeIndexes(url, options)
      })
    })

async function addIndexes(url: string, options: ListIndexOptions): Promise<void> {
  const { created } = await createListIndexes(url, options)
  if (created.length === 0) print('no index for long lists was created')
}

async function removeIndexes(url: string, options: ListIndexOptions): Promise<void> {
  const { dropped } = await dropListIndexes(url, options)
  if (dropped.length === 0) print('there are no indexes for long lists')
}
