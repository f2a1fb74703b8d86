/** What a body must hold beyond its schema, and what is forgiven because it is stored already. */
import { type Fault, MAX_EMAIL_LENGTH, MAX_ID, type UserUpdate } from '../../schemas/index.js'
import { fieldOf } from '../errors.js'
import { isSame } from './decide-update.js'
import { normalizeEmail } from './email.js'
import { looksLikeStoredHash } from './passwords/registry.js'

/** A body that was looked at. With faults, `values` is of the type only as far as they don't say otherwise. */
export interface CheckedBody<T> {
  /** As it came. */
  sent: T
  /** With the normalisations that the schema declares. */
  values: T
  /** Everything that is wrong with it. Empty: it is valid. */
  faults: Fault[]
}

/** A list of bodies in one, each looked at by itself. */
export interface CheckedList<T> {
  items: CheckedBody<T>[]
  /** What is wrong with the list itself. */
  faults: Fault[]
}

/**
 * Reads an id from a URL: ASCII digits without sign, space, leading zero or exponent, all of which `Number` would
 * read as somebody else's id.
 */
export function parseId(text: string): number | undefined {
  if (!/^[1-9]\d{0,15}$/.test(text)) return undefined
  const id = Number(text)
  return id <= MAX_ID ? id : undefined
}

/** The faults that no schema can name: an id that is not the URL's, and a stored hash in the place of a password. */
export function updateFaults(id: number | undefined, body: CheckedBody<UserUpdate>): Fault[] {
  if (isNoObject(body)) return []
  const { password, email } = body.values
  return [...idFaults(id, body), ...storedHashFaults(password), ...emailFaults(email)]
}

/** A stored hash in the place of a password. */
export function storedHashFaults(password: unknown): Fault[] {
  if (typeof password !== 'string' || !looksLikeStoredHash(password)) return []
  const detail = 'This is a stored hash. Send the password in plain text, or the mask that was read.'
  return [{ pointer: '/password', code: 'stored_hash', detail }]
}

/** An address whose stored form is too long: a letter of the domain may become two when it is lower-cased. */
export function emailFaults(email: unknown): Fault[] {
  if (typeof email !== 'string') return []
  const stored = normalizeEmail(email)
  if (stored.length <= MAX_EMAIL_LENGTH || [...stored].length <= MAX_EMAIL_LENGTH) return []
  const detail = `Ensure this field has no more than ${MAX_EMAIL_LENGTH} characters.`
  return [{ pointer: '/email', code: 'max_length', detail }]
}

/**
 * A body with the fields at fault taken out, where each of them holds just what is stored: a table may hold values
 * that could not be written today, and what was read may always be sent back.
 * @param shown what is stored, as it is answered
 */
export function forgiveStored<T extends object>(body: CheckedBody<T>, shown: object): CheckedBody<T> {
  const stored = shown as Record<string, unknown>
  const sent = body.sent as Record<string, unknown>
  const isStored = (fault: Fault) => {
    const field = fieldOf(fault)
    return field !== undefined && Object.hasOwn(stored, field) && isSame(sent[field], stored[field])
  }
  const forgiven = body.faults.filter(isStored)
  return {
    sent: body.sent,
    values: without(body.values, forgiven),
    faults: body.faults.filter((fault) => !forgiven.includes(fault)),
  }
}

/** Two ids for one request: one of them is wrong. */
export function idFaults(
  id: number | undefined,
  { values, faults }: CheckedBody<{ id?: number | undefined }>,
): Fault[] {
  const isFaulty = faults.some((fault) => ['', '/id'].includes(fault.pointer))
  if (isFaulty || !Number.isInteger(values.id) || values.id === id) return []
  return [{ pointer: '/id', code: 'mismatch', detail: 'This is not the id of the URL.' }]
}

/** Whether the body itself is at fault, so that nothing can be said of its fields. */
export const isNoObject = ({ faults }: { faults: readonly Fault[] }): boolean =>
  faults.some(({ pointer }) => pointer === '')

/** A body without the fields that these faults lie in. */
export function without<T extends object>(values: T, faults: readonly Fault[]): T {
  const dropped = new Set(faults.map(fieldOf))
  return Object.fromEntries(Object.entries(values).filter(([name]) => !dropped.has(name))) as T
}
