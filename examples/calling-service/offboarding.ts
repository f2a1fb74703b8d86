/** What happens when somebody leaves: the account is closed, and whatever else has to be closed with it. */
import Fastify, { type FastifyInstance } from 'fastify'
import { dataOf, type Event, ProblemError, type UserAdminClient } from 'fastify-user-admin/client'

/**
 * A service whose webhook `POST /left` names who has left: `{ "username": "ada" }`.
 * It answers 204 where the account is closed, 404 where there is none, and 409 where it has to stay.
 */
export function buildOffboarding(client: UserAdminClient): FastifyInstance {
  const app = Fastify()
  const body = {
    type: 'object',
    required: ['username'],
    properties: { username: { type: 'string' } },
  } as const
  app.post<{ Body: { username: string } }>('/left', { schema: { body } }, async (request, reply) => {
    const id = await findUser(client, request.body.username)
    if (id === undefined) return reply.code(404).send({ message: 'There is no such user.' })
    try {
      // Read, changed and written with If-Match. The service ends keys, tokens and sessions by itself.
      await client.update(id, () => ({ is_active: false, is_staff: false, groups: [] }))
      return reply.code(204).send()
    } catch (error) {
      if (!(error instanceof ProblemError) || error.code !== 'last_superuser') throw error
      return reply.code(409).send({ message: error.message })
    }
  })
  return app
}

async function findUser(client: UserAdminClient, username: string): Promise<number | undefined> {
  const query = { username, fields: 'id' }
  const page = await dataOf(client.GET('/admin/users/', { params: { query } }))
  return page?.results[0]?.id
}

/**
 * Tells of everybody who was deactivated, by whatever way: the webhook, the admin site of another operator, a bulk request.
 * @param after the id of the last event that was dealt with
 * @param onLeft deals with one; told again after a crash, if it did not come to its end
 * @param keep stores the id of the event that was dealt with
 */
export async function followLeavers(
  client: UserAdminClient,
  after: number,
  onLeft: (userId: number) => Promise<void>,
  keep: (eventId: number) => Promise<void>,
  signal: AbortSignal,
): Promise<void> {
  const changes = client.events({ after, action: 'user.update', outcome: 'applied', signal })
  for await (const event of changes) {
    if (isDeactivation(event)) await onLeft(event.target_id!)
    await keep(event.id)
  }
}

function isDeactivation({ changes }: Event): boolean {
  const change: unknown = changes['is_active']
  return Array.isArray(change) && change[1] === false
}
