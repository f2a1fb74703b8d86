import type { FastifyReply, FastifyRequest } from 'fastify'
import {
  type BulkQuery,
  BulkQuery as BulkQuerySchema,
  type Fault,
  MAX_BULK_PASSWORDS,
  ref,
  type UserUpdate,
} from '../../../schemas/index.js'
import { isConstraintViolation } from '../../db/sqlstate.js'
import type { CheckedBody, CheckedList } from '../../domain/accept-update.js'
import type { Update } from '../../domain/decide-update.js'
import { type Outcome, updateUsers as apply } from '../../domain/update-users.js'
import { presentUser } from '../../domain/user.js'
import { invalid, ProblemError } from '../../errors.js'
import { clientOf } from '../client.js'
import type { Context } from '../context.js'
import { renderProblem, toProblem } from '../problems.js'
import { answer, BODY_PROBLEMS, callerOf, defineRoute, problemAnswers } from '../route.js'
import { databaseFaults, forgiven, hashed, isPlain, lenient } from '../updates.js'

/** Updates of one request that wait for their turn at once: others have theirs between. */
const SLICE = 64

/** `PATCH /users/` */
export const updateUsers = (context: Context) => {
  return defineRoute<{ Querystring: BulkQuery; Body: CheckedList<UserUpdate> }>({
    schema: {
      operationId: 'updateUsers',
      tags: ['users'],
      summary: 'Update Many Users',
      description:
        'Changes many users, each as the update of one would. By default all of them or none: the first refusal tells the status, ' +
        'and `errors` names what is wrong with which update (`/3/username` is the fourth one). With `atomic=false` each has an ' +
        'outcome of its own.',
      querystring: BulkQuerySchema,
      body: ref(context.contract.UserBulkUpdate),
      response: {
        200: answer('All updates were applied.', ref(context.contract.UserBulkResult)),
        207: answer('What became of each update.', ref(context.contract.UserBulkResult)),
        ...problemAnswers([...BODY_PROBLEMS, 'not_found', 'last_superuser', 'busy']),
      },
    },

    bodyLimit: 2_097_152,

    async handler(request, reply) {
      const { atomic = true } = request.query
      const items = request.body.items.map((item) => lenient(request, reply, item))
      const faults = [...request.body.faults, ...listFaults(items)]
      if (faults.length > 0) throw invalid(faults)
      return atomic
        ? applyAll(request, reply, items)
        : reply.code(207).send(await applyEach(request, reply, items))
    },
  })

  async function applyAll(
    request: FastifyRequest,
    reply: FastifyReply,
    bodies: readonly CheckedBody<UserUpdate>[],
  ) {
    const settled = await settleAll(request, bodies, { isAtomic: true })
    const faults = settled.map((body) => body.faults)
    if (faults.some((some) => some.length > 0)) throw invalid(faults.flatMap(inItem))
    const updates = await Promise.all(settled.map((body) => ready(request, reply, body)))
    const outcomes = await applyTogether(updates)
    const problem = problemOfAll(outcomes)
    if (problem !== undefined) throw problem
    return { results: outcomes.map((outcome, index) => shown(updates[index]!.id, outcome)) }
  }

  async function applyTogether(updates: readonly Update[]): Promise<Outcome[]> {
    if (updates.length === 0) return []
    const write = () =>
      context.database.transaction((transaction) => apply(transaction, updates, { isAtomic: true }))
    // Whose name was taken meanwhile, only another look tells.
    return write().catch((error: unknown) => {
      if (!isConstraintViolation(error)) throw error
      return write()
    })
  }

  async function applyEach(
    request: FastifyRequest,
    reply: FastifyReply,
    bodies: readonly CheckedBody<UserUpdate>[],
  ) {
    const settled = await settleAll(request, bodies, { isAtomic: false })
    const results: ReturnType<typeof shown>[] = []
    for (let index = 0; index < settled.length; index += SLICE) {
      const slice = settled.slice(index, index + SLICE).map(async (body) => {
        const outcome = await applyOne(request, reply, body).catch((error: unknown) => ({
          problem: toProblem(error),
        }))
        return shown(idIn(body), outcome, request)
      })
      results.push(...(await Promise.all(slice)))
    }
    return { results }
  }

  async function applyOne(
    request: FastifyRequest,
    reply: FastifyReply,
    body: CheckedBody<UserUpdate>,
  ): Promise<Outcome> {
    if (body.faults.length > 0) throw invalid(body.faults)
    return { user: await context.updateUser(await ready(request, reply, body), clientOf(reply)) }
  }

  /** Bodies with all of their faults. Those of one refuse all others where they are atomic, so all are looked at. */
  async function settleAll(
    request: FastifyRequest,
    bodies: readonly CheckedBody<UserUpdate>[],
    { isAtomic }: { isAtomic: boolean },
  ): Promise<CheckedBody<UserUpdate>[]> {
    const checked = await Promise.all(bodies.map((body) => forgiven(context, request, idIn(body), body)))
    const isFaulty = ({ faults }: CheckedBody<UserUpdate>) => faults.length > 0
    if (!checked.some(isFaulty)) return checked
    const others = await databaseFaults(
      context,
      request,
      checked.map((body) => ({ id: isAtomic || isFaulty(body) ? idIn(body) : undefined, body })),
    )
    return checked.map((body, index) => ({ ...body, faults: [...body.faults, ...others[index]!] }))
  }

  async function ready(
    request: FastifyRequest,
    reply: FastifyReply,
    { sent, values }: CheckedBody<UserUpdate>,
  ): Promise<Update> {
    const encodedPassword = await hashed(context, request, clientOf(reply), values)
    return {
      caller: callerOf(request),
      requestId: request.id,
      id: values.id!,
      sent,
      patch: values,
      encodedPassword,
    }
  }
}

/** What no single update is at fault for. */
function listFaults(items: readonly CheckedBody<UserUpdate>[]): Fault[] {
  const faults: Fault[] = []
  const seen = new Set<unknown>()
  for (const [index, { values }] of items.entries()) {
    const id: unknown = values?.id
    if (id !== undefined && seen.has(id)) {
      faults.push({ pointer: `/${index}/id`, code: 'duplicate', detail: 'The list names this user twice.' })
    }
    seen.add(id)
  }
  const passwords = items.filter(
    ({ values }) => typeof values?.password === 'string' && isPlain(values.password),
  )
  if (passwords.length > MAX_BULK_PASSWORDS) {
    const detail = `No more than ${MAX_BULK_PASSWORDS} updates may carry a plain password.`
    faults.push({ pointer: '', code: 'max_passwords', detail })
  }
  return faults
}

const inItem = (faults: readonly Fault[], index: number): Fault[] =>
  faults.map((fault) => ({ ...fault, pointer: `/${index}${fault.pointer}` }))

/** Of all refusals: the first one tells the status. */
function problemOfAll(outcomes: readonly Outcome[]): ProblemError | undefined {
  const refusals = outcomes.map((outcome) => ('problem' in outcome ? outcome.problem : undefined))
  const first = refusals.find((problem) => problem !== undefined)
  if (first === undefined) return undefined
  const missing = refusals.flatMap((problem) => problem?.details.missingPermissions ?? [])
  const { detail: _one, ...details } = first.details
  return new ProblemError(first.code, {
    ...details,
    // Faults of bodies say enough.
    ...(first.code === 'invalid'
      ? {}
      : { detail: 'Nothing was changed, since some of the updates were refused.' }),
    errors: refusals.flatMap((problem, index) =>
      problem === undefined ? [] : inItem(problem.details.errors ?? [wholeFault(problem)], index),
    ),
    missingPermissions: [...new Set(missing)].toSorted(),
  })
}

const wholeFault = (problem: ProblemError): Fault => ({
  pointer: '',
  code: problem.code,
  detail: problem.message,
})

/** What was sent may be anything. */
function idIn({ values }: CheckedBody<UserUpdate>): number | undefined {
  const id: unknown = values?.id
  return Number.isSafeInteger(id) ? (id as number) : undefined
}

function shown(id: number | undefined, outcome: Outcome, request?: FastifyRequest) {
  const known = id === undefined ? {} : { id }
  if ('user' in outcome) return { ...known, status: 200, user: presentUser(outcome.user) }
  const { problem } = outcome
  const documentation = `${request!.server.prefix}/problems/`
  return { ...known, status: problem.status, problem: renderProblem(problem, request!.id, documentation) }
}
