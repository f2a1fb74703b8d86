/** `user-admin list-keys`: every API key, without the keys. */
import { Command } from 'commander'
import { readConfig } from '../config.js'
import { type ListedApiKey, listApiKeys } from '../db/api-keys.js'
import { withDatabase } from './database.js'
import { jsonOption, note, printJson, table } from './output.js'

export const listKeysCommand = () =>
  new Command('list-keys')
    .description('Lists the API keys by their first characters, revoked and expired ones too.')
    .addOption(jsonOption('as a JSON array'))
    .action(async ({ json = false }: { json?: boolean }) => {
      const listed = await withDatabase(readConfig(), listApiKeys)
      const keys = listed.map((key) => ({ ...key, state: stateOf(key, Date.now()) }))
      if (json) printJson(keys)
      else if (keys.length === 0) note('There are no keys.')
      else process.stdout.write(table([HEADINGS, ...keys.map(rowOf)]))
    })

const HEADINGS = ['ID', 'USER', 'KEY', 'CREATED', 'EXPIRES', 'STATE']

type State = 'usable' | 'expired' | 'revoked'

function stateOf({ expires_at, revoked_at }: ListedApiKey, now: number): State {
  if (revoked_at !== null) return 'revoked'
  return expires_at !== null && Date.parse(expires_at) <= now ? 'expired' : 'usable'
}

const rowOf = ({
  id,
  username,
  prefix,
  created_at,
  expires_at,
  state,
}: ListedApiKey & { state: State }): string[] => [
  String(id),
  username,
  `${prefix}…`,
  toSeconds(created_at),
  expires_at === null ? 'never' : toSeconds(expires_at),
  state,
]

const toSeconds = (timestamp: string) => timestamp.replace(/\.\d+Z$/, 'Z')
