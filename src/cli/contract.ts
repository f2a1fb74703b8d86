/** `user-admin contract`: holds any deployment to the contract. */
import { Command, InvalidArgumentError, Option } from 'commander'
import { runChecks } from '../contract/runner.js'
import { checkContract } from '../contract/suite.js'
import { openWorld } from '../contract/world.js'
import { note } from './output.js'
import { awaitSignal } from './signals.js'

interface Options {
  url: string
  key: string
  userId?: number
  spareUserId?: number
  json?: true
}

const BROKEN = 1
const NOT_CHECKED = 2
const INTERRUPTED = 130

const HELP = `
Prints TAP, which other programs make pretty. The status is 0 where all holds, 1 where something does not, and
2 where nothing could be checked. What is changed of the user of the key is put back; a user and a group
whose names begin with "contract." are made, and deleted when they have served.`

export const contractCommand = () =>
  new Command('contract')
    .description('Holds a running service to its published document and to the contract.')
    .addOption(
      new Option('--url <url>', 'where the service is, such as http://127.0.0.1:3000')
        .env('CONTRACT_URL')
        .argParser(readUrl)
        .makeOptionMandatory(),
    )
    .addOption(
      new Option(
        '--key <key>',
        'an API key of an active staff superuser; in the variable no process list shows it',
      )
        .env('CONTRACT_KEY')
        .makeOptionMandatory(),
    )
    .addOption(
      new Option('--user-id <id>', 'the user of the key, where /me/ does not tell')
        .env('CONTRACT_USER_ID')
        .argParser(readId),
    )
    .addOption(
      new Option(
        '--spare-user-id <id>',
        'a user that nobody needs: its flags are switched and put back, and its password is LOST; without one, some checks are skipped',
      )
        .env('CONTRACT_SPARE_USER_ID')
        .argParser(readId),
    )
    .option('--json', 'prints how many held and what did not, as one line of JSON')
    .addHelpText('after', HELP)
    .action(async (options: Options, command: Command) => {
      try {
        const status = await check(options)
        if (status === INTERRUPTED) process.exit(status)
        process.exitCode = status
      } catch (error) {
        command.error(`error: Nothing could be checked: ${(error as Error).message}`, {
          exitCode: NOT_CHECKED,
        })
      }
    })

function readUrl(text: string): string {
  if (URL.canParse(text) && /^https?:$/.test(new URL(text).protocol)) return text
  throw new InvalidArgumentError('It must be a URL like http://127.0.0.1:3000.')
}

function readId(text: string): number {
  if (/^[1-9]\d{0,15}$/.test(text)) return Number(text)
  throw new InvalidArgumentError('It must be the id of a user.')
}

/** @returns the status that the command ends with */
async function check({ json, ...deployment }: Options): Promise<number> {
  const world = await openWorld(deployment)
  const { signal, release } = awaitSignal()
  try {
    const write = (line: string) => void (json || process.stdout.write(`${line}\n`))
    const summary = await Promise.race([runChecks((t) => checkContract(t, world), write), signal])
    if (summary === undefined) {
      await world.putBack()
      return INTERRUPTED
    }
    const { passed, skipped, failures } = summary
    if (json)
      process.stdout.write(`${JSON.stringify({ passed, skipped, failed: failures.length, failures })}\n`)
    note(`${passed} held, ${failures.length} did not, ${skipped} skipped`)
    return failures.length > 0 ? BROKEN : 0
  } finally {
    release()
  }
}
