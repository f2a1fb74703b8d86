/** `user-admin create-key`: an API key for a user. */
import { Command, InvalidArgumentError } from 'commander'
import { readConfig } from '../config.js'
import { insertApiKey } from '../db/api-keys.js'
import { recordOperatorEvent } from '../db/audit.js'
import type { Database } from '../db/database.js'
import { findUserByUsername } from '../db/superusers.js'
import { hashApiKey, makeApiKey, visiblePrefix } from '../domain/api-key.js'
import { normalizeText } from '../domain/text.js'
import { withDatabase } from './database.js'
import { parseExpiry } from './expiry.js'
import { CommandError } from './failure.js'
import { jsonOption, note, printJson } from './output.js'

interface Options {
  username: string
  expires?: string
  json?: boolean
}

export const createKeyCommand = () =>
  new Command('create-key')
    .description('Makes an API key, and prints it alone on standard output. It is never shown again.')
    .requiredOption('--username <name>', 'whose key it is')
    .option(
      '--expires <when>',
      'a duration such as 12h or 90d, or a date-time such as 2030-01-31T00:00:00Z',
      readExpiry,
    )
    .addOption(jsonOption())
    .action(async ({ username, expires, json }: Options) => {
      const { id, key, user } = await withDatabase(readConfig(), (database) =>
        createKey(database, username, expires),
      )
      if (!json)
        note(`Key ${id} (${visiblePrefix(key)}…) of ${username}${expires ? `, until ${expires}` : ''}.`)
      if (!user.is_active) note(`Warning: ${username} is inactive, so this key authenticates nowhere.`)
      else if (!user.is_staff) note(`Warning: ${username} is not staff, so this key may not do anything.`)
      if (json) printJson({ id, user_id: user.id, expires_at: expires ?? null, key })
      else process.stdout.write(`${key}\n`)
    })

function readExpiry(text: string): string {
  const expiry = parseExpiry(text, Date.now())
  if ('fault' in expiry) throw new InvalidArgumentError(expiry.fault)
  return expiry.at
}

async function createKey(database: Database, username: string, expiresAt: string | null = null) {
  // As it is stored, or else as it would be stored today: older names may not be normalised.
  const user =
    (await findUserByUsername(database, username)) ??
    (await findUserByUsername(database, normalizeText(username, ['strip', 'NFKC'], 150)))
  if (user === undefined) throw new CommandError(`There is no user ${JSON.stringify(username)}.`)
  const key = makeApiKey()
  const id = await database.transaction(async (transaction) => {
    const prefix = visiblePrefix(key)
    const targetId = await insertApiKey(transaction, {
      userId: user.id,
      prefix,
      hash: hashApiKey(key),
      expiresAt,
    })
    const changes = { user_id: [null, user.id], expires_at: [null, expiresAt] }
    await recordOperatorEvent(transaction, { action: 'api_key.create', targetId, changes })
    return targetId
  })
  return { id, key, user }
}
