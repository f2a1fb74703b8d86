/** Every command, each in a file of its own, put together. */
import { Command } from 'commander'
import { version } from '../version.js'
import { compareCommand } from './compare.js'
import { completeCommand, completionCommand } from './completion.js'
import { configCommand } from './config.js'
import { contractCommand } from './contract.js'
import { createKeyCommand } from './create-key.js'
import { createSuperuserCommand } from './create-superuser.js'
import { exportCommand } from './export.js'
import { importCommand } from './import.js'
import { listKeysCommand } from './list-keys.js'
import { migrateCommand } from './migrate.js'
import { mockCommand } from './mock.js'
import { revokeKeyCommand } from './revoke-key.js'
import { startCommand } from './start.js'
import { usersCommand } from './users.js'

const ENDS = `
The status is 0 where it was done, 1 where it failed or was refused, and 2 where the command was misused (of compare: see
there). With --json, the result is JSON on standard output, and a failure is a line of JSON on standard error.`

export function makeProgram(): Command {
  const program = new Command('user-admin')
    .description(
      'Administers the users of a Django-style directory. Settings come from the environment: see config.',
    )
    .version(version)
    .addHelpText('after', ENDS)
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
    usersCommand(),
    importCommand(),
    exportCommand(),
    compareCommand(),
    mockCommand(),
    contractCommand(),
    completionCommand(),
  ]) {
    program.addCommand(command)
  }
  program.addCommand(completeCommand(program), { hidden: true })
  for (const command of program.commands) inherit(command, program)
  return program
}

function inherit(command: Command, parent: Command): void {
  command.copyInheritedSettings(parent)
  for (const child of command.commands) inherit(child, command)
}
