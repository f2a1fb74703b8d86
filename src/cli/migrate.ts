/** `user-admin migrate`: brings the tables up to date, and has the indexes for long lists created or dropped. */
import { Command, Option } from 'commander'
import { readConfig } from '../config.js'
import { createListIndexes, dropListIndexes } from '../db/list-indexes.js'
import { migrate } from '../db/migrate.js'
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
    .action((flags: MigrateFlags) =>
      withServer(readConfig(), async (url) => {
        const { applied } = await migrate(url, { log: print })
        if (applied.length === 0) print('the database is up to date')
        if (flags.listIndexes) await addIndexes(url)
        if (flags.dropListIndexes) await removeIndexes(url)
      }),
    )

async function addIndexes(url: string): Promise<void> {
  const { created } = await createListIndexes(url, { log: print })
  if (created.length === 0) print('no index for long lists was created')
}

async function removeIndexes(url: string): Promise<void> {
  const { dropped } = await dropListIndexes(url, { log: print })
  if (dropped.length === 0) print('there are no indexes for long lists')
}
