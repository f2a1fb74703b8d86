/** From the body of a request to an update that is ready for the database: the same for one user and for many. */
import type { FastifyReply, FastifyRequest } from 'fastify'
import {
  type Fault,
  type PatchOperation,
  REVOCABLE,
  type Revocable,
  type UserUpdate,
  type UserUpdateQuery,
} from '../../schemas/index.js'
import {
  type CheckedBody,
  type CheckedList,
  forgiveStored,
  isNoObject,
  updateFaults,
  without,
} from '../domain/accept-update.js'
import { isConstraintViolation } from '../db/sqlstate.js'
import type { Update } from '../domain/decide-update.js'
import { isMaskShaped } from '../domain/passwords/mask.js'
import { isWritable, presentUser, SET_FIELDS, WRITABLE_FIELDS } from '../domain/user.js'
import { invalid, ProblemError } from '../errors.js'
import { READ_USERS } from './access.js'
import { type Client, clientOf } from './client.js'
import type { Context } from './context.js'
import { type PatchTarget, readJsonPatch, type ReadPatch } from './json-patch.js'
import { preconditionOf } from './preconditions.js'
import { preferencesOf, tellLenient } from './preferences.js'
import { badParameter } from './listing.js'
import { callerOf } from './route.js'

/**
 * Looks at everything that a body needs beyond its schema, and hashes its password.
 * @param id of the user; undefined where the URL has none
 * @throws ProblemError `invalid` with every fault, those that only the database knows included; `not_found`; `busy`
 */
export async function readyUpdate(
  context: Context,
  request: FastifyRequest,
  reply: FastifyReply,
  id: number | undefined,
  body: CheckedBody<UserUpdate>,
): Promise<Update> {
  const terms = termsOf(context, request)
  const { sent, values, faults } = await settle(context, request, id, lenient(request, reply, body))
  if (faults.length > 0) throw invalid(faults)
  if (id === undefined) throw new ProblemError('not_found')
  const encodedPassword = await hashed(context, request, clientOf(reply), values)
  const { caller, requestId, precondition, revoke } = terms
  return { caller, requestId, precondition, revoke, id, sent, patch: values, encodedPassword }
}

/**
 * The same of a JSON Patch, which is applied to the user as it is when its turn comes.
 * @throws ProblemError `invalid` with what is wrong with the patch itself; `not_found`; `busy`
 */
export async function readyRevision(
  context: Context,
  request: FastifyRequest,
  reply: FastifyReply,
  id: number | undefined,
  body: CheckedList<PatchOperation>,
): Promise<Update> {
  const target = {
    fields: ['id', ...WRITABLE_FIELDS],
    sets: SET_FIELDS,
    check: (values: object) => {
      const checked = context.checkUser(values)
      return { ...checked, faults: [...checked.faults, ...updateFaults(id, checked)] }
    },
  }
  const patch = readPatch(request, reply, body, target)
  const terms = termsOf(context, request, { isPositional: patch.isPositional })
  if (id === undefined) throw new ProblemError('not_found')
  const encodedPassword = await hashed(context, request, clientOf(reply), patch)
  return { ...terms, id, sent: {}, patch: {}, encodedPassword, revision: patch }
}

/**
 * Looks at a JSON Patch, and drops what is unknown where the caller prefers that.
 * @throws ProblemError `invalid` with what is wrong with the patch itself
 */
export function readPatch<Patch>(
  request: FastifyRequest,
  reply: FastifyReply,
  body: CheckedList<PatchOperation>,
  target: PatchTarget<Patch>,
): ReadPatch<Patch> {
  const { isLenient } = preferencesOf(request)
  const patch = readJsonPatch(body, target, { isLenient })
  if (isLenient) tellLenient(reply, patch.dropped)
  if (patch.faults.length > 0) throw invalid(patch.faults)
  return patch
}

/** What an update is asked for with, whatever it changes. */
export const termsOf = (
  context: Context,
  request: FastifyRequest,
  { isPositional = false } = {},
): Pick<Update, 'caller' | 'requestId' | 'precondition' | 'revoke'> => ({
  caller: callerOf(request),
  requestId: request.id,
  precondition: preconditionOf(request, context.userTags, {
    requires: context.requireIfMatch,
    isPositional,
    readers: READ_USERS,
  }),
  revoke: revocationIn(context, request),
})

/** @throws `invalid` where it asks for what can not be done here */
function revocationIn({ revocable }: Context, request: FastifyRequest): Revocable[] | undefined {
  const { revoke } = request.query as UserUpdateQuery
  if (revoke === undefined) return undefined
  const wanted = REVOCABLE.filter((kind) => revoke.split(',').includes(kind))
  const other = wanted.find((kind) => !revocable.includes(kind))
  if (other !== undefined)
    throw badParameter(`${other} can not be revoked here: there are none, or the service may not`)
  return wanted
}

/** A body with all of its faults, those that only the database knows included. */
async function settle(
  context: Context,
  request: FastifyRequest,
  id: number | undefined,
  body: CheckedBody<UserUpdate>,
): Promise<CheckedBody<UserUpdate>> {
  const checked = await forgiven(context, request, id, body)
  if (checked.faults.length === 0) return checked
  const [others = []] = await databaseFaults(context, request, [{ id, body: checked }])
  return { ...checked, faults: [...checked.faults, ...others] }
}

/** The faults that only the database knows, of what is left of these bodies without the faults that were found. */
export async function databaseFaults(
  context: Context,
  request: FastifyRequest,
  bodies: readonly { id: number | undefined; body: CheckedBody<UserUpdate> }[],
): Promise<Fault[][]> {
  const updates = bodies.map(({ id, body }) => updateOf(request, id, body))
  const sound = updates.filter((update) => update !== undefined)
  const found = sound.length === 0 ? [] : await context.findFaults(sound)
  const faultsOf = new Map(sound.map((update, index) => [update, found[index]!]))
  return updates.map((update) => (update && faultsOf.get(update)) ?? [])
}

function updateOf(
  request: FastifyRequest,
  id: number | undefined,
  { sent, values, faults }: CheckedBody<UserUpdate>,
): Update | undefined {
  if (id === undefined || isNoObject({ faults })) return undefined
  const patch = withoutPlainPassword(without(values, faults))
  return { caller: callerOf(request), requestId: request.id, id, sent, patch }
}

/** A body with its faults, but without those fields that are stored just so. */
export async function forgiven(
  context: Context,
  request: FastifyRequest,
  id: number | undefined,
  body: CheckedBody<UserUpdate>,
): Promise<CheckedBody<UserUpdate>> {
  const checked = { ...body, faults: [...body.faults, ...updateFaults(id, body)] }
  if (checked.faults.length === 0 || id === undefined || isNoObject(checked)) return checked
  const stored = await context.readUser(id, callerOf(request))
  return stored === undefined ? checked : forgiveStored(checked, presentUser(stored))
}

/**
 * The stored form of a plain password, if there is one. Dear: not for somebody whose key was revoked meanwhile, and before any
 * lock is taken.
 */
export async function hashed(
  context: Context,
  request: FastifyRequest,
  client: Client,
  { password }: { password?: string | undefined },
): Promise<string | undefined> {
  if (!isPlain(password)) return undefined
  const caller = callerOf(request)
  if (!caller.isConfirmed) await context.callers.confirm(caller)
  return context.encodePassword(password, client)
}

/** Whether it is meant as a password, and not as the mask that was read. */
export const isPlain = (password: string | undefined): password is string =>
  password !== undefined && !isMaskShaped(password)

/** A plain password is not worth hashing for a body that is refused. */
export function withoutPlainPassword(values: UserUpdate): UserUpdate {
  const { password, ...rest } = values
  return isPlain(password) || password === undefined ? rest : values
}

/** Drops unknown fields where the caller prefers that (RFC 7240 `handling=lenient`), and names them in the answer. */
export function lenient<T extends object>(
  request: FastifyRequest,
  reply: FastifyReply,
  body: CheckedBody<T>,
  isField: (name: string) => boolean = isUserField,
): CheckedBody<T> {
  const [first] = lenientEach(request, reply, [body], isField, () => '')
  return first!
}

const isUserField = (name: string) => name === 'id' || isWritable(name)

/**
 * The same of many bodies.
 * @param pointerTo where the body at an index is
 */
export function lenientEach<T extends object>(
  request: FastifyRequest,
  reply: FastifyReply,
  bodies: readonly CheckedBody<T>[],
  isField: (name: string) => boolean,
  pointerTo: (index: number) => string,
): readonly CheckedBody<T>[] {
  if (!preferencesOf(request).isLenient) return bodies
  const dropped = bodies.flatMap(({ faults }, index) =>
    faults.filter(isUnknown).map(({ pointer }) => pointerTo(index) + pointer),
  )
  tellLenient(reply, dropped)
  return bodies.map((body) => (isNoObject(body) ? body : withoutUnknown(body, isField)))
}

const isUnknown = ({ code }: Fault): boolean => code === 'unknown'

const withoutUnknown = <T extends object>(
  { sent, values, faults }: CheckedBody<T>,
  isField: (name: string) => boolean,
): CheckedBody<T> => ({
  sent,
  values: Object.fromEntries(Object.entries(values).filter(([name]) => isField(name))) as T,
  faults: faults.filter((fault) => !isUnknown(fault)),
})

/** A body with defaults for what is absent. One that is no object has no fields to complete. */
export const completed = <T extends object>(body: CheckedBody<T>, defaults: object): CheckedBody<T> =>
  isNoObject(body)
    ? body
    : { ...body, sent: { ...defaults, ...body.sent }, values: { ...defaults, ...body.values } }

/** Runs a write once more where the database refused it for others' sake: whose name was taken meanwhile, another look tells. */
export const lookingAgain = <Result>(write: () => Promise<Result>): Promise<Result> =>
  write().catch((error: unknown) => {
    if (!isConstraintViolation(error)) throw error
    return write()
  })
