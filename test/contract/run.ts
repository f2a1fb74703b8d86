/**
 * Holds any deployment to the contract: `npm run test:contract -- --url http://127.0.0.1:3000 --key uak_…`.
 * Prints TAP; the exit status is not zero where something failed.
 */
import { parseArgs } from 'node:util'
import t from 'tap'
import { checkContract } from '../../src/contract/suite.js'
import { openWorld } from '../../src/contract/world.js'

const USAGE = `Usage: npm run test:contract -- --url <URL> --key <API key> [--user-id <id>]
                                [--spare-user-id <id>]

  --url            where the service is, such as http://127.0.0.1:3000 (or CONTRACT_URL)
  --key            an API key of an active staff superuser (or CONTRACT_KEY, which no process list shows)
  --user-id        the user of the key; what is changed of it is put back. Default 1 (or CONTRACT_USER_ID)
  --spare-user-id  a user that nobody needs: its flags are switched and put back, and its password is LOST
                   (or CONTRACT_SPARE_USER_ID). Without one, the checks that need it are skipped

A user and a group whose names begin with "contract." are made, and deleted when they have served.
`

const world = await openWorld(readOptions()).catch((error: Error) => leave(error.message))
process.once('SIGINT', () => void world.putBack().finally(() => process.exit(130)))
await checkContract(t, world)

function readOptions() {
  const text = { type: 'string' } as const
  const options = { url: text, key: text, 'user-id': text, 'spare-user-id': text }
  try {
    const { values } = parseArgs({ options })
    const { CONTRACT_URL, CONTRACT_KEY, CONTRACT_USER_ID = '1', CONTRACT_SPARE_USER_ID } = process.env
    const url = values.url ?? CONTRACT_URL
    const key = values.key ?? CONTRACT_KEY
    if (url === undefined || !URL.canParse(url) || key === undefined) return leave(USAGE)
    const spare = values['spare-user-id'] ?? CONTRACT_SPARE_USER_ID
    return {
      url,
      key,
      userId: Number(values['user-id'] ?? CONTRACT_USER_ID),
      spareUserId: spare === undefined ? undefined : Number(spare),
    }
  } catch (error) {
    return leave(`${(error as Error).message}\n\n${USAGE}`)
  }
}

function leave(message: string): never {
  process.stderr.write(`${message}\n`)
  process.exit(2)
}
