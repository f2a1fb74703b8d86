/** Which user is meant: by id or by username. */
import { Argument, Option } from 'commander'
import { dataOf, type UserAdminClient } from '../../client/index.js'
import { parseId } from '../../domain/accept-update.js'
import { CommandError } from '../failure.js'

/** What every command takes that is about one user. */
export interface FindOptions {
  byUsername?: boolean
}

export const userArgument = () => new Argument('<user>', 'an id or a username; digits are an id')

export const byUsernameOption = () => new Option('--by-username', 'a username, even where it is of digits')

/**
 * @returns the user's id
 * @throws CommandError where nobody has that username
 */
export async function findUser(
  client: UserAdminClient,
  text: string,
  { byUsername = false }: FindOptions,
): Promise<number> {
  const id = byUsername ? undefined : parseId(text)
  if (id !== undefined) return id
  const query = { username: text, fields: 'id', page_size: 1 }
  const { results } = (await dataOf(client.GET('/admin/users/', { params: { query } })))!
  const found = results[0]?.id
  if (found === undefined) throw new CommandError(`There is no user ${JSON.stringify(text)}.`)
  return found
}
