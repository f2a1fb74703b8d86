/** Many updates of one request: all or none in one transaction, or each by itself. */
import type { FastifyReply, FastifyRequest } from 'fastify'
import { type Fault, MAX_BULK_PASSWORDS, type UserBulkItem } from '../../schemas/index.js'
import { type CheckedBody, type CheckedList, parseId } from '../domain/accept-update.js'
import type { Transaction } from '../db/database.js'
import type { Update } from '../domain/decide-update.js'
import type { Outcome } from '../domain/update-users.js'
import { isWritable, presentUser } from '../domain/user.js'
import { invalid, ProblemError } from '../errors.js'
import type { Answer } from './answers.js'
import { clientOf } from './client.js'
import type { Context } from './context.js'
import { findReplay, isOnce, isReplayed, perform } from './idempotency.js'
import { makePrecondition, parseTags } from './preconditions.js'
import { followed, preferencesOf } from './preferences.js'
import { renderProblem, toProblem } from './problems.js'
import { databaseFaults, forgiven, hashed, isPlain, lenientEach, lookingAgain, termsOf } from './updates.js'

/** Updates of one request that wait for their turn at once: others have theirs between. */
const SLICE = 64

type Body = CheckedBody<UserBulkItem>

/**
 * Applies all of them or none.
 * @throws ProblemError with what is wrong with which update
 */
export async function applyAll(
  context: Context,
  request: FastifyRequest,
  reply: FastifyReply,
  list: CheckedList<UserBulkItem>,
): Promise<Answer> {
  const bodies = readItems(request, reply, list)
  const settled = await settleAll(context, request, bodies, { isAtomic: true })
  const faults = settled.map((body) => body.faults)
  if (faults.some((some) => some.length > 0)) throw invalid(faults.flatMap(inItem))
  const updates = await Promise.all(settled.map((body) => ready(context, request, reply, body)))
  return lookingAgain(() =>
    perform(context, request, async (transaction) => {
      const outcomes = await context.applyUpdates(transaction, updates, { isAtomic: true })
      const problem = problemOfAll(outcomes)
      if (problem !== undefined) return { problem }
      const results = outcomes.map((outcome, index) => shown(context, request, updates[index]!.id, outcome))
      return { status: 200, headers: followed(request, reply), body: { results } }
    }),
  )
}

/** Applies each by itself, and each once. */
export async function applyEach(
  context: Context,
  request: FastifyRequest,
  reply: FastifyReply,
  list: CheckedList<UserBulkItem>,
): Promise<Answer> {
  const bodies = readItems(request, reply, list)
  // That the key is for these updates, whatever becomes of each.
  if (isOnce(request)) await perform(context, request, async () => ({ status: 207, headers: {} }))
  const settled = await settleAll(context, request, bodies, { isAtomic: false })
  const results: Answer[] = []
  for (let index = 0; index < settled.length; index += SLICE) {
    const slice = settled
      .slice(index, index + SLICE)
      .map((body, offset) => applyOne(context, request, reply, body, index + offset))
    results.push(...(await Promise.all(slice)))
  }
  const isOld = results.length > 0 && results.every(isReplayed)
  return {
    status: 207,
    headers: { ...followed(request, reply), ...(isOld && { 'idempotent-replayed': 'true' }) },
    body: { results: results.map(({ body }) => body) },
  }
}

/** @returns what one update is answered, whatever became of it */
async function applyOne(
  context: Context,
  request: FastifyRequest,
  reply: FastifyReply,
  body: Body,
  index: number,
): Promise<Answer> {
  const part = index + 1
  const answerFor = (id: number | undefined, outcome: Outcome): Answer => ({
    status: 207,
    headers: {},
    body: shown(context, request, id, outcome),
  })
  try {
    if (body.faults.length > 0) throw invalid(body.faults)
    const replay = isPlain(body.values.password) ? await findReplay(context, request, part) : undefined
    if (replay !== undefined) return replay
    const update = await ready(context, request, reply, body)
    if (!isOnce(request))
      return answerFor(update.id, { user: await context.updateUser(update, clientOf(reply)) })
    const work = async (transaction: Transaction) => {
      const [outcome] = await context.applyUpdates(transaction, [update])
      return 'problem' in outcome! ? outcome : answerFor(update.id, outcome!)
    }
    return await perform(context, request, work, part)
  } catch (error) {
    return answerFor(idIn(body), { problem: toProblem(error) })
  }
}

/** The updates as they are meant, each with its faults. */
function readItems(request: FastifyRequest, reply: FastifyReply, list: CheckedList<UserBulkItem>): Body[] {
  if (request.headers['if-match'] !== undefined || request.headers['if-none-match'] !== undefined)
    throw new ProblemError('bad_request', {
      detail: 'A condition is for one user: write it as if_match of an update.',
    })
  const items = lenientEach(request, reply, list.items, isBulkField, (index) => `/${index}`)
  const faults = [...list.faults, ...listFaults(items)]
  if (faults.length > 0) throw invalid(faults)
  return items.map((item) => ({ ...item, faults: [...item.faults, ...conditionFaults(item)] }))
}

const isBulkField = (name: string) => name === 'id' || name === 'if_match' || isWritable(name)

function conditionFaults({ values }: Body): Fault[] {
  const condition: unknown = values?.if_match
  try {
    if (typeof condition === 'string') parseTags('if_match', condition)
    return []
  } catch (error) {
    return [{ pointer: '/if_match', code: 'invalid', detail: (error as ProblemError).message }]
  }
}

/** Bodies with all of their faults. Those of one refuse all others where they are atomic, so all are looked at. */
async function settleAll(
  context: Context,
  request: FastifyRequest,
  bodies: readonly Body[],
  { isAtomic }: { isAtomic: boolean },
): Promise<Body[]> {
  const checked = await Promise.all(bodies.map((body) => forgiven(context, request, idIn(body), body)))
  const isFaulty = ({ faults }: Body) => faults.length > 0
  if (!checked.some(isFaulty)) return checked
  const others = await databaseFaults(
    context,
    request,
    checked.map((body) => ({ id: isAtomic || isFaulty(body) ? idIn(body) : undefined, body })),
  )
  return checked.map((body, index) => ({ ...body, faults: [...body.faults, ...others[index]!] }))
}

async function ready(
  context: Context,
  request: FastifyRequest,
  reply: FastifyReply,
  { sent, values }: Body,
): Promise<Update> {
  const { if_match: condition, ...patch } = values
  const ifMatch = parseTags('if_match', condition)
  return {
    ...termsOf(context, request),
    precondition: makePrecondition(context.userTags, { ifMatch }, { requires: context.requireIfMatch }),
    id: patch.id!,
    sent,
    patch,
    encodedPassword: await hashed(context, request, clientOf(reply), patch),
  }
}

/** What no single update is at fault for. */
function listFaults(items: readonly Body[]): Fault[] {
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

/** What is wrong with one update; of a condition also how its user is now, since the answer has one header for all. */
function faultsOf(problem: ProblemError): readonly Fault[] {
  const { errors = [wholeFault(problem)], headers } = problem.details
  if (headers?.etag === undefined) return errors
  const detail = `The entity tag is ${headers.etag} now.`
  return [...errors, { pointer: '/if_match', code: problem.code, detail }]
}

/** Of all refusals: the first one tells the status. */
function problemOfAll(outcomes: readonly Outcome[]): ProblemError | undefined {
  const refusals = outcomes.map((outcome) => ('problem' in outcome ? outcome.problem : undefined))
  const first = refusals.find((problem) => problem !== undefined)
  if (first === undefined) return undefined
  const missing = refusals.flatMap((problem) => problem?.details.missingPermissions ?? [])
  const { detail: _one, headers: _its, ...details } = first.details
  return new ProblemError(first.code, {
    ...details,
    // Faults of bodies say enough.
    ...(first.code === 'invalid'
      ? {}
      : { detail: 'Nothing was changed, since some of the updates were refused.' }),
    errors: refusals.flatMap((problem, index) =>
      problem === undefined ? [] : inItem(faultsOf(problem), index),
    ),
    missingPermissions: [...new Set(missing)].toSorted(),
  })
}

const wholeFault = (problem: ProblemError): Fault => ({
  pointer: '',
  code: problem.code,
  detail: problem.message,
})

/** What was sent may be anything, also a number that no user can have. */
function idIn({ values }: Body): number | undefined {
  const id: unknown = values?.id
  return typeof id === 'number' ? parseId(String(id)) : undefined
}

function shown(context: Context, request: FastifyRequest, id: number | undefined, outcome: Outcome) {
  const known = id === undefined ? {} : { id }
  if ('user' in outcome) {
    const { user } = outcome
    const body = preferencesOf(request).returns === 'minimal' ? {} : { user: presentUser(user) }
    return { ...known, status: 200, etag: context.userTags.of(user), ...body }
  }
  const { problem } = outcome
  const etag = problem.details.headers?.etag
  const documentation = `${request.server.prefix}/problems/`
  return {
    ...known,
    status: problem.status,
    ...(etag === undefined ? {} : { etag }),
    problem: renderProblem(problem, request.id, documentation),
  }
}
