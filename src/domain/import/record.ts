/** Reads one record of a file: held to the rules of a new user, with ids in the place of names. */
import type { Fault, UserRecord, UserUpdate } from '../../../schemas/index.js'
import type { IdsByName, ReferenceNames } from '../../db/reference-names.js'
import { type CheckedBody, emailFaults, isNoObject, storedHashFaults } from '../accept-update.js'
import { isMaskShaped } from '../passwords/mask.js'
import { looksLikeStoredHash } from '../passwords/registry.js'
import { SET_FIELDS } from '../user.js'

/** What passwords of a file are: without either, none may be there. */
export type PasswordKind = 'plain' | 'hashes'

/** A record as it stands in the file. */
export type Entry = { line: number } & ({ value: unknown } | { fault: Fault })

/** A user to be made. */
export interface ImportRecord {
  line: number
  /** Its password, if there is one, is not what is stored. */
  patch: UserUpdate & { username: string }
  /** As the file has it. Undefined for none. */
  password: string | undefined
}

export type ReadEntry = { line: number; faults: readonly Fault[] } | ImportRecord

export interface ReaderOptions {
  /** By the schema of a record. */
  check: (value: unknown) => CheckedBody<UserRecord>
  names: ReferenceNames
  passwords: PasswordKind | undefined
}

/** A record has a password, and nobody has said what it is. */
export class UnexpectedPasswordError extends Error {
  override readonly name = 'UnexpectedPasswordError'

  constructor(readonly line: number) {
    super(`Line ${line} has a password.`)
  }
}

/**
 * A reader of records.
 * @returns one that throws UnexpectedPasswordError
 */
export function makeRecordReader({ check, names, passwords }: ReaderOptions): (entry: Entry) => ReadEntry {
  return (entry) => {
    const { line } = entry
    if ('fault' in entry) return { line, faults: [entry.fault] }
    const body = check(passwords === 'hashes' ? withoutEmptyPassword(entry.value) : entry.value)
    if (isNoObject(body)) return { line, faults: body.faults }
    const { values } = body
    const { password } = values
    if (password !== undefined && passwords === undefined) throw new UnexpectedPasswordError(line)
    const faults = [...body.faults, ...passwordFaults(password, passwords), ...emailFaults(values.email)]
    const patch = withIds(values, names, faults)
    return faults.length > 0 ? { line, faults } : { line, patch, password }
  }
}

/** Django's tables may hold one: nobody can log in with it, which is what no password means too. */
function withoutEmptyPassword(value: unknown): unknown {
  if ((value as { password?: unknown } | null)?.password !== '') return value
  const { password: _empty, ...others } = value as { password: unknown }
  return others
}

/** As Django's `is_password_usable` has it: whatever follows the mark, nobody logs in with it. */
const UNUSABLE = /^![A-Za-z0-9]*$/

function passwordFaults(password: unknown, passwords: PasswordKind | undefined): Fault[] {
  if (typeof password !== 'string') return []
  if (passwords === 'plain')
    return isMaskShaped(password) ? [fault('mask', MASK)] : storedHashFaults(password)
  if (UNUSABLE.test(password) || looksLikeStoredHash(password)) return []
  return [isMaskShaped(password) ? fault('mask', MASK) : fault('no_hash', NO_HASH)]
}

const fault = (code: string, detail: string): Fault => ({ pointer: '/password', code, detail })
const MASK = 'This is a mask, and no password: exports of the API have no passwords.'
const NO_HASH = 'This is no hash that Django would understand.'

type SetField = (typeof SET_FIELDS)[number]

/** Sets that are absent stay so: an object that gets a field more becomes a slow one. */
function withIds(values: UserRecord, names: ReferenceNames, faults: Fault[]): ImportRecord['patch'] {
  const copy: Omit<UserRecord, SetField> = { ...values }
  const patch: typeof copy & Partial<Record<SetField, number[]>> = copy
  for (const field of SET_FIELDS)
    if (values[field] !== undefined) patch[field] = idsOf(field, values[field], names[field], faults)
  return patch
}

function idsOf(field: SetField, wanted: unknown, known: IdsByName, faults: Fault[]): number[] {
  if (!Array.isArray(wanted)) return []
  return wanted.flatMap((name: unknown, index) => {
    // What is no text has its fault already.
    if (typeof name !== 'string') return []
    const ids = known.get(name) ?? []
    if (ids.length === 1) return ids
    const what = field === 'groups' ? 'group' : 'permission'
    const pointer = `/${field}/${index}`
    if (ids.length === 0)
      faults.push({ pointer, code: 'does_not_exist', detail: `There is no ${what} of that name.` })
    else faults.push({ pointer, code: 'ambiguous', detail: `There is more than one ${what} of that name.` })
    return []
  })
}
