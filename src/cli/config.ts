/** `user-admin config`: the effective settings. */
import { Command } from 'commander'
import { describeConfig, readConfig } from '../config.js'
import { jsonOption, printJson } from './output.js'

export const configCommand = () =>
  new Command('config')
    .description('Prints the effective settings, passwords hidden.')
    .addOption(jsonOption('as a JSON object of texts'))
    .action(({ json }: { json?: boolean }) => {
      const settings = describeConfig(readConfig())
      if (json) return printJson(settings)
      const lines = Object.entries(settings).map(([name, value]) => `${name}=${value}\n`)
      process.stdout.write(lines.join(''))
    })
