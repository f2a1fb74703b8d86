/** Changes of a user as they are written on the command line: `is_staff=true`, `groups+=3`. */
import type { TSchema } from '@sinclair/typebox'
import { CONTRACT_DEFAULTS, makeContract, type User, type UserUpdate } from '../../../schemas/index.js'
import { parseId } from '../../domain/accept-update.js'
import { misused } from '../failure.js'

/** What one argument says of one field. */
export interface Change {
  field: keyof UserUpdate
  /** `+=` and `-=` are for sets. */
  operator: '=' | '+=' | '-='
  value: unknown
}

/** The id is not to be changed, and a password never stands on a command line, which every user of the machine can see. */
const { id: _id, password: _password, ...writable } = makeContract(CONTRACT_DEFAULTS).UserUpdate.properties
const schemas: Record<string, TSchema> = writable

/** The fields that can be changed so. */
export const CHANGEABLE = Object.keys(schemas)

/**
 * Reads one argument, by the type of its field.
 * @throws CommandError where it is no change, without quoting it: whether the value may be had is for the service to say
 */
export function readChange(text: string, changes: Change[] = []): Change[] {
  const [, field = '', operator = '', value = ''] = /^(\w+)(\+=|-=|=)(.*)$/s.exec(text) ?? []
  if (field === '') throw misused('A change must be like first_name=Ada or groups+=3.')
  const schema = schemas[field]
  if (schema === undefined) throw misused(`${field}: There is no such field to be changed so.`)
  if (operator !== '=' && schema.type !== 'array')
    throw misused(`${field}: It is no set, which ${operator} is for.`)
  return [...changes, { field, operator, value: readValue(field, value, schema) } as Change]
}

function readValue(field: string, text: string, { type }: TSchema): unknown {
  if (type === 'boolean') {
    if (text !== 'true' && text !== 'false') throw misused(`${field}: It must be true or false.`)
    return text === 'true'
  }
  if (type !== 'array') return text === 'null' && Array.isArray(type) ? null : text
  const ids = text === '' ? [] : text.split(',').map(parseId)
  if (ids.includes(undefined)) throw misused(`${field}: It must be ids, with commas between.`)
  return ids
}

/** The body that makes these changes of a user, one after the other. */
export function bodyOf(changes: readonly Change[], user: User): UserUpdate {
  const body: Record<string, unknown> = {}
  for (const { field, operator, value } of changes) {
    const present = (body[field] ?? user[field]) as number[]
    if (operator === '=') body[field] = value
    else if (operator === '+=') body[field] = [...new Set([...present, ...(value as number[])])]
    else body[field] = present.filter((id) => !(value as number[]).includes(id))
  }
  return body
}
