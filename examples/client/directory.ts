/** What a program of yours may do with the directory. Nothing here needs Node: it runs in Deno and in browsers as well. */
import { dataOf, makeClient, ProblemError, type UserAdminClient } from 'fastify-user-admin/client'

export const connect = (baseUrl: string, key: string): UserAdminClient => makeClient({ baseUrl, key })

/** Every operation of the document is there, by method and path. */
export async function hire(client: UserAdminClient, username: string, password: string): Promise<number> {
  const user = await dataOf(client.POST('/admin/users/', { body: { username, password, is_staff: true } }))
  return user!.id
}

/** Reads the user, applies the change, and writes it unless somebody else wrote meanwhile: then again. */
export async function addToGroup(client: UserAdminClient, id: number, group: number): Promise<void> {
  await client.update(id, (user) => ({ groups: [...user.groups, group] }))
}

/** Each kind of refusal has its code. */
export async function dismiss(client: UserAdminClient, id: number): Promise<string> {
  try {
    await client.update(id, () => ({ is_active: false }))
    return 'dismissed'
  } catch (error) {
    if (!(error instanceof ProblemError)) throw error
    switch (error.code) {
      case 'not_found':
        return 'there is no such user'
      case 'last_superuser':
        return 'somebody has to stay'
      case 'permission_denied':
        return `not without ${error.missingPermissions.join(', ')}`
      default:
        throw error
    }
  }
}

/** A list of any length, page by page. */
export async function staff(client: UserAdminClient): Promise<string[]> {
  const names: string[] = []
  const params = { query: { is_staff: true, ordering: 'username' } }
  for await (const user of client.list('/admin/users/', { params })) names.push(user.username)
  return names
}

/** What happened after an event that was dealt with; without `wait: 0` it would go on for ever. */
export async function changesSince(client: UserAdminClient, after: number): Promise<string[]> {
  const changes: string[] = []
  for await (const event of client.events({ after, wait: 0, outcome: 'applied' }))
    changes.push(`${event.id} ${event.action} ${event.target_id}`)
  return changes
}
