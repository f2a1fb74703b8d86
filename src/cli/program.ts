/** Every command, each in a file of its own, put together. */
import { Command } from 'commander'
import { version } from '../version.js'
import { completeCommand } from './completion.js'

const ENDS = `
The status is 0 where it was done, 1 where it failed or was refused, and 2 where the command was misused (of compare: see
there). With --json, the result is JSON on standard output, and a failure is a line of JSON on standard error.`

/** Each is loaded where it is asked for alone: most of the time that a short command takes is loading what it needs. */
const COMMANDS: Record<string, () => Promise<Command>> = {
  start: async () => (await import('./start.js')).startCommand(),
  migrate: async () => (await import('./migrate.js')).migrateCommand(),
  config: async () => (await import('./config.js')).configCommand(),
  'create-superuser': async () => (await import('./create-superuser.js')).createSuperuserCommand(),
  'create-key': async () => (await import('./create-key.js')).createKeyCommand(),
  'list-keys': async () => (await import('./list-keys.js')).listKeysCommand(),
  'revoke-key': async () => (await import('./revoke-key.js')).revokeKeyCommand(),
  users: async () => (await import('./users.js')).usersCommand(),
  import: async () => (await import('./import.js')).importCommand(),
  export: async () => (await import('./export.js')).exportCommand(),
  compare: async () => (await import('./compare.js')).compareCommand(),
  mock: async () => (await import('./mock.js')).mockCommand(),
  contract: async () => (await import('./contract.js')).contractCommand(),
  completion: async () => (await import('./completion.js')).completionCommand(),
}

/** @param asked the first word after `user-admin`: where it names a command, the program has no other */
export async function makeProgram(asked?: string): Promise<Command> {
  const program = new Command('user-admin')
    .description(
      'Administers the users of a Django-style directory. Settings come from the environment: see config.',
    )
    .version(version)
    .addHelpText('after', ENDS)
    // Errors of usage are thrown, so that they end with a status of their own.
    .exitOverride()
  const names = asked !== undefined && Object.hasOwn(COMMANDS, asked) ? [asked] : Object.keys(COMMANDS)
  for (const command of await Promise.all(names.map((name) => COMMANDS[name]!()))) program.addCommand(command)
  program.addCommand(completeCommand(program), { hidden: true })
  for (const command of program.commands) inherit(command, program)
  return program
}

function inherit(command: Command, parent: Command): void {
  command.copyInheritedSettings(parent)
  for (const child of command.commands) inherit(child, command)
}
