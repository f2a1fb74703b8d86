/** `user-admin config`: the effective settings. */
import { Command } from 'commander'
import { describeConfig, readConfig } from '../config.js'

export const configCommand = () =>
  new Command('config').description('Prints the effective settings, passwords hidden.').action(() => {
    const settings = Object.entries(describeConfig(readConfig()))
    process.stdout.write(settings.map(([name, value]) => `${name}=${value}\n`).join(''))
  })
