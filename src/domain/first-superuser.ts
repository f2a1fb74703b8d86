/** What an empty directory gets, so that somebody can use it. */
import { insertApiKey } from '../db/api-keys.js'
import { recordOperatorEvent } from '../db/audit.js'
import type { Database } from '../db/database.js'
import { hasUsers, insertSuperuser } from '../db/superusers.js'
import { hashApiKey, makeApiKey, visiblePrefix } from './api-key.js'
import { makeUnusablePassword } from './passwords/unusable.js'

/**
 * Where there is no user yet: makes the superuser `admin`, without a usable password, and an API key.
 * @param keep puts the key where its owner finds it; called before anything is committed, so that a key that could
 *   not be kept was never made
 * @returns whether they were made
 */
export async function makeFirstSuperuser(
  database: Database,
  keep: (key: string) => Promise<void>,
): Promise<boolean> {
  return database.transaction(async (transaction) => {
    if (await hasUsers(transaction)) return false
    const key = makeApiKey()
    const userId = await insertSuperuser(transaction, {
      username: 'admin',
      password: makeUnusablePassword(),
      email: '',
    })
    const keyId = await insertApiKey(transaction, {
      userId,
      prefix: visiblePrefix(key),
      hash: hashApiKey(key),
      expiresAt: null,
    })
    await recordOperatorEvent(transaction, {
      action: 'user.create',
      targetId: userId,
      changes: { username: [null, 'admin'], is_superuser: [null, true] },
    })
    await recordOperatorEvent(transaction, {
      action: 'api_key.create',
      targetId: keyId,
      changes: { user_id: [null, userId] },
    })
    await keep(key)
    return true
  })
}
