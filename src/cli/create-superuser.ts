/** `user-admin create-superuser`: somebody who may do everything. */
import { Command } from 'commander'
import { CONTRACT_DEFAULTS, makeContract, ref, type UserUpdate } from '../../schemas/index.js'
import { passwordOptions, readConfig } from '../config.js'
import { recordOperatorEvent } from '../db/audit.js'
import type { Database } from '../db/database.js'
import { isConstraintViolation } from '../db/sqlstate.js'
import { insertSuperuser } from '../db/superusers.js'
import type { CheckedBody } from '../domain/accept-update.js'
import { normalizeEmail } from '../domain/email.js'
import { isMaskShaped } from '../domain/passwords/mask.js'
import { looksLikeStoredHash, makePasswordEncoder } from '../domain/passwords/registry.js'
import { makeValidatorCompiler } from '../http/validation.js'
import { withDatabase } from './database.js'
import { CommandError } from './failure.js'
import { COMMAND } from './names.js'
import { jsonOption, printJson } from './output.js'
import { readPassword } from './password.js'

interface Options {
  username: string
  email: string
  json?: boolean
}

export const createSuperuserCommand = () =>
  new Command('create-superuser')
    .description('Makes a superuser. The password is asked for, or read from standard input.')
    .requiredOption('--username <name>', 'what the user logs in with')
    .option('--email <address>', 'where mail reaches the user', '')
    .addOption(jsonOption())
    .action(async ({ json, ...options }: Options) => {
      const config = readConfig()
      // What was typed is checked before anything is asked, and all of it before a database is touched.
      const { username, email } = check(options)
      const { password } = check({ password: await readPassword() })
      const user = {
        username: username!,
        email: normalizeEmail(email!),
        password: await makePasswordEncoder(passwordOptions(config)).encode(password!),
      }
      const id = await withDatabase(config, (database) => createSuperuser(database, user))
      if (json) return printJson({ id, username: user.username })
      process.stdout.write(`Superuser ${user.username} has the id ${id}.\n`)
      process.stderr.write(`A key for the API: ${COMMAND} create-key --username ${user.username}\n`)
    })

/**
 * Holds what was given to the rules of the API, by the same schema.
 * @returns it as it is stored
 * @throws CommandError with a line for each fault
 */
export function check(fields: UserUpdate): UserUpdate {
  const contract = makeContract(CONTRACT_DEFAULTS)
  const compile = makeValidatorCompiler(contract)
  const validate = compile({ schema: ref(contract.UserUpdate), httpPart: 'body', method: 'PATCH', url: '' })
  const { value: body } = validate(fields) as { value: CheckedBody<UserUpdate> }
  const faults = body.faults.map(({ pointer, detail }) => `${pointer.slice(1)}: ${detail}`)
  const { password = '' } = body.values
  if (isMaskShaped(password) || looksLikeStoredHash(password)) {
    faults.push('password: This is a stored hash or its mask. The password is wanted in plain text.')
  }
  if (faults.length === 0) return body.values
  throw new CommandError(faults.join('\n'))
}

async function createSuperuser(
  database: Database,
  user: Parameters<typeof insertSuperuser>[1],
): Promise<number> {
  try {
    return await database.transaction(async (transaction) => {
      const targetId = await insertSuperuser(transaction, user)
      const changes = {
        username: [null, user.username],
        email: [null, user.email],
        is_superuser: [null, true],
      }
      await recordOperatorEvent(transaction, { action: 'user.create', targetId, changes })
      return targetId
    })
  } catch (error) {
    if (isConstraintViolation(error)) throw new CommandError(`A user named ${user.username} exists already.`)
    throw error
  }
}
