/** `user-admin migrate`: brings the tables up to date. */
import { Command } from 'commander'
import { readConfig } from '../config.js'
import { migrate } from '../db/migrate.js'
import { withServer } from './database.js'

const print = (line: string) => process.stdout.write(`${line}\n`)

export const migrateCommand = () =>
  new Command('migrate')
    .description('Brings the tables up to date. Several may run at once.')
    .action(async () => {
      const { applied } = await withServer(readConfig(), (url) => migrate(url, { log: print }))
      if (applied.length === 0) print('the database is up to date')
    })
