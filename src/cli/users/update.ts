/** `user-admin users update`: changes a user as it is at that moment, or tells what that would do. */
import { isDeepStrictEqual } from 'node:util'
import { text as readAll } from 'node:stream/consumers'
import { Argument, Command, Option } from 'commander'
import { dataOf, type UserAdminClient } from '../../client/index.js'
import type { User, UserDryRun, UserUpdate } from '../../../schemas/index.js'
import { misused } from '../failure.js'
import { jsonOption, note, printJson } from '../output.js'
import { readPassword } from '../password.js'
import { bodyOf, CHANGEABLE, type Change, readChange } from './changes.js'
import { type ConnectOptions, takesConnection, withService } from './connect.js'
import { byUsernameOption, findUser, type FindOptions, userArgument } from './find.js'
import { changeLines } from './values.js'

interface Options extends ConnectOptions, FindOptions {
  jsonBody?: string
  password?: boolean
  dryRun?: boolean
  json?: boolean
}

const HELP = `
Texts are taken as they are, and flags are true or false. Sets are ids with commas between: groups=1,2 replaces the
set, groups+=3 adds to it, and groups-=3 takes away. last_login=null forgets it.

The user is read, changed and written with If-Match: what others change meanwhile is never undone.`

export const updateCommand = () =>
  takesConnection(
    new Command('update')
      .description('Changes fields of a user.')
      .addArgument(userArgument())
      .addArgument(
        new Argument('[changes...]', 'field=value')
          .choices(CHANGEABLE.map((field) => `${field}=`))
          .argParser(readChange),
      )
      .addOption(byUsernameOption()),
  )
    .addOption(
      new Option('--json-body <json>', 'the changes as a JSON object; - reads it from standard input'),
    )
    .option('--password', 'a new password, which is asked for, or read from standard input')
    .option('--dry-run', 'tells what would change, and changes nothing')
    .addOption(jsonOption('the user as JSON, or what --dry-run tells'))
    .addHelpText('after', HELP)
    .action(async (user: string, changes: Change[] = [], options: Options) => {
      const fixed = await readBody(options)
      if (changes.length === 0 && Object.keys(fixed).length === 0) throw misused('Say what to change.')
      const change = (stored: User): UserUpdate => ({ ...fixed, ...bodyOf(changes, stored) })
      await withService(options, async (client) => {
        const id = await findUser(client, user, options)
        await (options.dryRun ? rehearse : update)(client, id, change, options.json ?? false)
      })
    })

/** What is changed whatever the user is like. */
async function readBody({ jsonBody, password }: Options): Promise<UserUpdate> {
  if (jsonBody === '-' && password) throw misused('--json-body - and --password both read standard input.')
  const body = jsonBody === undefined ? {} : parse(jsonBody === '-' ? await readAll(process.stdin) : jsonBody)
  if (jsonBody !== '-' && 'password' in body)
    throw misused('A password is no argument, which others can see: use --password, or --json-body -.')
  return { ...body, ...(password && { password: await readPassword() }) }
}

function parse(text: string): object {
  try {
    const body: unknown = JSON.parse(text)
    if (typeof body === 'object' && body !== null && !Array.isArray(body)) return body
  } catch {
    // Said below. The error of JSON.parse quotes the text, and that may hold a password.
  }
  throw misused('--json-body must be one JSON object.')
}

type MakeChange = (stored: User) => UserUpdate

async function update(client: UserAdminClient, id: number, change: MakeChange, json: boolean): Promise<void> {
  let before: User | undefined
  const after = await client.update(id, (stored) => change((before = stored)))
  if (json) return printJson(after)
  const changes = differences(before!, after)
  const lines = changeLines(changes)
  // Another password has the same mask.
  if (change(after).password !== undefined && !('password' in changes)) lines.push('password: set')
  if (lines.length === 0) note('Nothing had to be changed.')
  else process.stdout.write(`${lines.join('\n')}\n`)
}

const differences = (before: User, after: User): Record<string, unknown> =>
  Object.fromEntries(
    Object.entries(after)
      .map(([field, value]) => [field, [before[field as keyof User], value]] as const)
      .filter(([, [was, is]]) => !isDeepStrictEqual(was, is)),
  )

async function rehearse(
  client: UserAdminClient,
  id: number,
  change: MakeChange,
  json: boolean,
): Promise<void> {
  const params = { path: { id: String(id) } }
  const stored = (await dataOf(client.GET('/admin/users/{id}/', { params })))!
  const body = change(stored)
  const told: UserDryRun = (await dataOf(client.dryRun.PATCH('/admin/users/{id}/', { params, body })))!
  if (json) return printJson(told)
  const lines = changeLines(told.changes as Record<string, unknown>)
  const effects = Object.entries(told.side_effects).filter(([, effect]) => isEffect(effect))
  if (lines.length + effects.length === 0) return note('Nothing would change.')
  for (const [name, effect] of effects) lines.push(`${name.replaceAll('_', ' ')}: ${String(effect)}`)
  process.stdout.write(`${lines.join('\n')}\n`)
}

const isEffect = (effect: unknown): boolean =>
  Array.isArray(effect) ? effect.length > 0 : effect === true || (effect as number) > 0
