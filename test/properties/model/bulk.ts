/** Changes of many users in one request, on the model. */
import { isDeepStrictEqual } from 'node:util'
import { type Body, bodyFaults, isPlain, pointers, sound, USER } from './bodies.js'
import type { Directory, User } from './directory.js'
import { CHANGE_USERS, changedUser } from './operations.js'
import { admit, attempt, factsOf, invalid, Refusal, type Reply } from './rules.js'

/**
 * All or nothing. Each is judged by how things were before, but for the names that are claimed and the superusers that come
 * and go. A name that is freed stays taken until the end.
 */
export function patchUsers(directory: Directory, by: number, bodies: readonly Body[]): Reply {
  const actor = admit(directory, by, CHANGE_USERS)
  requireDifferent(bodies)
  if (bodies.some(isFaulty)) throw invalid(allFaults(directory, actor, bodies).flatMap(inItem))
  const outcomes = together(directory, actor, bodies)
  const refusals = outcomes.map((outcome) => (outcome instanceof Refusal ? outcome.reply : undefined))
  const first = refusals.find((reply) => reply !== undefined)
  if (first !== undefined) {
    const missing = refusals.flatMap((reply) => reply?.missing ?? [])
    throw new Refusal({
      status: first.status,
      code: first.code!,
      errors: refusals.flatMap((reply, index) =>
        reply === undefined ? [] : inItem(reply.errors ?? [` ${reply.code}`], index),
      ),
      ...(missing.length > 0 ? { missing: [...new Set(missing)] } : {}),
    })
  }
  for (const user of outcomes as User[]) directory.write(user)
  return { status: 200, body: { results: (outcomes as User[]).map(shown) } }
}

const isFaulty = (body: Body) => bodyFaults(body, USER).size > 0

function together(directory: Directory, actor: User, bodies: readonly Body[]): (User | Refusal)[] {
  const facts = factsOf(directory)
  return bodies.map((body) =>
    attempt(() => changedUser(directory, facts, actor, directory.users.get(body.id as number), body)),
  )
}

/** The faults of each body, and those that only the directory knows of what is left of it. */
function allFaults(directory: Directory, actor: User, bodies: readonly Body[]): string[][] {
  const faults = bodies.map((body) => bodyFaults(body, USER))
  const left = bodies.map((body, index) => ({
    ...withoutPlainPassword(sound(body, faults[index]!)),
    id: body.id,
  }))
  return together(directory, actor, left).map((outcome, index) => [
    ...pointers(faults[index]!),
    ...(outcome instanceof Refusal && outcome.reply.status === 400 ? outcome.reply.errors! : []),
  ])
}

function withoutPlainPassword(body: Body): Body {
  const { password: _password, ...rest } = body
  return isPlain(body) ? rest : body
}

/** Each by itself. */
export function patchEachUser(directory: Directory, by: number, bodies: readonly Body[]): Reply {
  const actor = admit(directory, by, CHANGE_USERS)
  requireDifferent(bodies)
  const faulty = bodies.filter(isFaulty)
  const faults = allFaults(directory, actor, faulty)
  const sane = bodies.filter((body) => !isFaulty(body))
  const decided = together(directory, actor, sane)
  const outcomes = bodies.map((body) =>
    isFaulty(body) ? invalid(faults[faulty.indexOf(body)]!) : decided[sane.indexOf(body)]!,
  )
  const results = outcomes.map((outcome, index) => {
    if (outcome instanceof Refusal) return { id: bodies[index]!.id, ...outcome.reply }
    directory.write(outcome)
    return shown(outcome)
  })
  return { status: 207, body: { results } }
}

const shown = (user: User) => ({ id: user.id, status: 200, user })

const inItem = (errors: readonly string[], index: number) => errors.map((error) => `/${index}${error}`)

function requireDifferent(bodies: readonly Body[]): void {
  const ids = bodies.map(({ id }) => id)
  const repeated = ids.flatMap((id, index) => (ids.indexOf(id) < index ? `/${index}/id duplicate` : []))
  if (repeated.length > 0) throw invalid(repeated)
}

/** Whether each fares the same alone and together, and whoever is first. */
export function haveOneOutcome(directory: Directory, by: number, bodies: readonly Body[]): boolean {
  const together = resultsOf(directory.copy(), by, bodies)
  if (together === undefined) return true
  return orders(bodies.map((_, index) => index)).every((order) => {
    const copy = directory.copy()
    const alone = order.map((index) => resultsOf(copy, by, [bodies[index]!])?.[0])
    return order.every((index, place) => isDeepStrictEqual(alone[place], together[index]))
  })
}

/** Undefined where the whole request is refused. */
function resultsOf(directory: Directory, by: number, bodies: readonly Body[]): unknown[] | undefined {
  const reply = attempt(() => patchEachUser(directory, by, bodies))
  return reply instanceof Refusal ? undefined : (reply.body as { results: unknown[] }).results
}

const orders = (items: readonly number[]): number[][] =>
  items.length === 0
    ? [[]]
    : items.flatMap((first) => orders(items.filter((item) => item !== first)).map((rest) => [first, ...rest]))
