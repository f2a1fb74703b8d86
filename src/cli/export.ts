/** `user-admin export`: all users, to a file or standard output. */
import { Command, Option } from 'commander'
import { RECORD_FIELDS } from '../../schemas/index.js'
import { type Config, readConfig } from '../config.js'
import { exportUsers } from '../db/export-users.js'
import { withDatabase } from './database.js'
import { note } from './output.js'
import { makeMeter } from './progress.js'
import { type Format, FORMATS, formatOf, WRITERS } from './records/format.js'
import { openOutput, type Output } from './records/output.js'
import { holdSignals } from './signals.js'

interface Options {
  format?: Format
  output?: string
  passwordHashes: boolean
  json: boolean
}

const NOTES = `
What it writes, import reads, also into another directory: groups and permissions go by their names, and users get ids of
their own there. CSV is written so that no spreadsheet takes a cell for a formula.`

export const exportCommand = () =>
  new Command('export')
    .description('Writes all users, as of one moment. See also: import.')
    .addOption(
      new Option('--format <format>', 'by default as the name of the file says, or else ndjson').choices(
        FORMATS,
      ),
    )
    .option('--output <file>', 'where to write them; by default to standard output')
    .option('--password-hashes', "the hashes of the users' passwords too", false)
    .option('--json', 'with --output, the summary as JSON', false)
    .addHelpText('after', NOTES)
    .action(async (options: Options) => {
      const began = performance.now()
      const config = readConfig()
      const stopping = new AbortController()
      const release = holdSignals(() => stopping.abort())
      try {
        const output = await openOutput(options.output)
        const exported = await writeUsers(config, output, options, stopping.signal).finally(output.close)
        const seconds = Math.round(performance.now() - began) / 1_000
        // Its output is the users, where they don't go to a file.
        if (options.output === undefined) note(`${exported} users exported.`)
        else if (options.json) process.stdout.write(`${JSON.stringify({ exported, seconds })}\n`)
        else process.stdout.write(`${exported} users exported, in ${seconds.toFixed(1)} s.\n`)
      } finally {
        release()
      }
    })

/** @returns how many */
async function writeUsers(
  config: Config,
  output: Output,
  { format, output: file, passwordHashes }: Options,
  signal: AbortSignal,
): Promise<number> {
  const { header, rows } = WRITERS[format ?? formatOf(file ?? '')]
  const fields = RECORD_FIELDS.filter((field) => field !== 'password' || passwordHashes)
  const meter = makeMeter('exporting')
  let done = 0
  try {
    return await withDatabase(config, async (database) => {
      await output.write(header(fields))
      const exported = await exportUsers(database, async (users, total) => {
        const records = users.map((user) => Object.fromEntries(fields.map((field) => [field, user[field]])))
        const goesOn = await output.write(rows(records, fields))
        done += users.length
        meter.at(done, done / total)
        return goesOn && !signal.aborted
      })
      if (!signal.aborted) await output.finish()
      return exported
    })
  } finally {
    meter.end()
  }
}
