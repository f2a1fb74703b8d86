#!/usr/bin/env node
/** The command line: `user-admin <command>`, each command in a file of its own. */
import { Command, CommanderError } from 'commander'
import { version } from '../version.js'
import { compareCommand } from './compare.js'
import { configCommand } from './config.js'
import { createKeyCommand } from './create-key.js'
import { createSuperuserCommand } from './create-superuser.js'
import { exportCommand } from './export.js'
import { explain } from './failure.js'
import { importCommand } from './import.js'
import { listKeysCommand } from './list-keys.js'
import { migrateCommand } from './migrate.js'
import { mockCommand } from './mock.js'
import { revokeKeyCommand } from './revoke-key.js'
import { startCommand } from './start.js'

const FAILED = 1
const MISUSED = 2

const program = new Command('user-admin')
  .description(
    'Administers the users of a Django-style directory. Settings come from the environment: see config.',
  )
  .version(version)
  // Errors of usage are thrown, so that they end with a status of their own.
  .exitOverride()
for (const command of [
  startCommand(),
  migrateCommand(),
  configCommand(),
  createSuperuserCommand(),
  createKeyCommand(),
  listKeysCommand(),
  revokeKeyCommand(),
  compareCommand(),
  mockCommand(),
  importCommand(),
  exportCommand(),
]) {
  program.addCommand(command.copyInheritedSettings(program))
}

// Whoever reads our output may have seen enough (`list-keys | head -1`): no reason for a stack.
process.stdout.on('error', (error: NodeJS.ErrnoException) => {
  if (error.code !== 'EPIPE') throw error
  process.exitCode = FAILED
})

try {
  await program.parseAsync()
} catch (error) {
  if (error instanceof CommanderError) {
    process.exitCode = error.exitCode === 0 ? 0 : MISUSED
  } else {
    process.exitCode = FAILED
    process.stderr.write(`error: ${explain(error)}\n`)
  }
}
