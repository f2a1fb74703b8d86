/** `user-admin revoke-key`: ends an API key. */
import { Command, InvalidArgumentError } from 'commander'
import { readConfig } from '../config.js'
import { revokeApiKey } from '../db/api-keys.js'
import { recordOperatorEvent } from '../db/audit.js'
import type { Database } from '../db/database.js'
import { parseId } from '../domain/accept-update.js'
import { withDatabase } from './database.js'
import { CommandError } from './failure.js'
import { COMMAND } from './names.js'
import { jsonOption, printJson } from './output.js'

export const revokeKeyCommand = () =>
  new Command('revoke-key')
    .description('Revokes an API key at once and for ever.')
    .argument('<id>', 'the id of the key, as list-keys shows it', readId)
    .addOption(jsonOption())
    .action(async (id: number, { json }: { json?: boolean }) => {
      await withDatabase(readConfig(), (database) => revokeKey(database, id))
      if (json) printJson({ id, state: 'revoked' })
      else process.stdout.write(`Key ${id} is revoked.\n`)
    })

function readId(text: string): number {
  const id = parseId(text)
  if (id === undefined) throw new InvalidArgumentError('It is a whole number from 1.')
  return id
}

async function revokeKey(database: Database, id: number): Promise<void> {
  await database.transaction(async (transaction) => {
    const found = await revokeApiKey(transaction, id)
    if (!found) throw new CommandError(`There is no key ${id}. See: ${COMMAND} list-keys`)
    await recordOperatorEvent(transaction, { action: 'api_key.revoke', targetId: id, changes: {} })
  })
}
