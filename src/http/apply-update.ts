/** Applies an update that is ready, and answers: the same for every way to change one user. */
import type { FastifyReply, FastifyRequest } from 'fastify'
import type { DryRunQuery, UserDryRun } from '../../schemas/index.js'
import type { StoredUser } from '../db/users.js'
import type { Update } from '../domain/decide-update.js'
import { type Rehearsal, rehearseUpdate } from '../domain/rehearse-update.js'
import { presentUser } from '../domain/user.js'
import { type Answer, changeAnswer, type DefaultReturn } from './answers.js'
import { clientOf } from './client.js'
import type { Context } from './context.js'
import { isOnce, perform } from './idempotency.js'
import { DRY_RUN_MEDIA_TYPE } from './route.js'

/**
 * @param fallback what is answered where nothing is preferred
 * @throws ProblemError where it is refused
 */
export async function applyUpdate(
  context: Context,
  request: FastifyRequest,
  reply: FastifyReply,
  update: Update,
  fallback: DefaultReturn = 'representation',
): Promise<Answer> {
  if ((request.query as DryRunQuery).dry_run === true) return rehearse(context, update)
  const answerFor = (user: StoredUser): Answer =>
    changeAnswer(request, reply, { etag: context.userTags.of(user), body: presentUser(user) }, { fallback })
  if (!isOnce(request)) return answerFor(await context.updateUser(update, clientOf(reply)))
  return perform(context, request, async (transaction) => {
    const [outcome] = await context.applyUpdates(transaction, [update])
    return 'problem' in outcome! ? outcome : answerFor(outcome!.user)
  })
}

/** Refusals that concern privileges are recorded all the same. */
async function rehearse(context: Context, update: Update): Promise<Answer> {
  const rehearsal = await context.runAlone(
    (transaction) => rehearseUpdate(transaction, update, context.revocable),
    { keeps: (result) => 'problem' in result },
  )
  if ('problem' in rehearsal) throw rehearsal.problem
  return {
    status: 200,
    headers: { etag: context.userTags.of(rehearsal.before), 'content-type': DRY_RUN_MEDIA_TYPE },
    body: shown(rehearsal),
  }
}

const shown = (rehearsal: Rehearsal): UserDryRun => ({
  user: presentUser(rehearsal.after),
  changes: rehearsal.changes,
  side_effects: {
    sessions_end: rehearsal.sessionsEnd,
    permissions_gained: rehearsal.permissionsGained,
    permissions_lost: rehearsal.permissionsLost,
    api_keys_revoked: rehearsal.revoked.keys,
    tokens_revoked: rehearsal.revoked.tokens,
  },
})
