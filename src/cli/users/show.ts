/** `user-admin users show`: one user, its groups and permissions by their names. */
import { Command } from 'commander'
import { dataOf, ProblemError, type UserAdminClient } from '../../client/index.js'
import type { User } from '../../../schemas/index.js'
import { jsonOption, printJson, table } from '../output.js'
import { type ConnectOptions, takesConnection, withService } from './connect.js'
import { byUsernameOption, findUser, type FindOptions, userArgument } from './find.js'
import { cellOf } from './values.js'

interface Options extends ConnectOptions, FindOptions {
  json?: boolean
}

export const showCommand = () =>
  takesConnection(
    new Command('show')
      .description('Shows a user with all fields.')
      .addArgument(userArgument())
      .addOption(byUsernameOption()),
  )
    .addOption(jsonOption('as JSON, just as the API answers it'))
    .action((user: string, options: Options) => withService(options, (client) => show(client, user, options)))

async function show(client: UserAdminClient, text: string, options: Options): Promise<void> {
  const id = await findUser(client, text, options)
  const user = (await dataOf(client.GET('/admin/users/{id}/', { params: { path: { id: String(id) } } })))!
  if (options.json) printJson(user)
  else process.stdout.write(await readable(client, user))
}

async function readable(client: UserAdminClient, user: User): Promise<string> {
  const named: Record<string, string> = {
    groups: await withNames(user.groups, () => groupNames(client)),
    user_permissions: await withNames(user.user_permissions, () => permissionNames(client)),
  }
  return table(Object.entries(user).map(([field, value]) => [field, named[field] ?? cellOf(value)]))
}

/** Ids, each with its name where the caller may know it. */
async function withNames(ids: readonly number[], read: () => Promise<Map<number, string>>): Promise<string> {
  if (ids.length === 0) return ''
  const names = await read().catch((error: unknown) => {
    if (error instanceof ProblemError && error.code === 'permission_denied') return new Map<number, string>()
    throw error
  })
  return ids.map((id) => (names.has(id) ? `${id} (${names.get(id)})` : id)).join(', ')
}

async function groupNames(client: UserAdminClient): Promise<Map<number, string>> {
  const names = new Map<number, string>()
  for await (const { id, name } of client.list('/admin/groups/')) names.set(id, name)
  return names
}

async function permissionNames(client: UserAdminClient): Promise<Map<number, string>> {
  const names = new Map<number, string>()
  for await (const { id, permission } of client.list('/admin/permissions/')) names.set(id, permission)
  return names
}
