/** From what Ajv finds to the faults that are answered: codes and wording after Django REST Framework. */
import type { ErrorObject } from 'ajv'
import type { Fault } from '../../schemas/index.js'

const TYPE_MESSAGES: Record<string, string> = {
  string: 'Not a valid string.',
  boolean: 'Must be true or false.',
  integer: 'A whole number is required.',
  array: 'A list is required.',
  object: 'A JSON object is required.',
}

const FORMAT_MESSAGES: Record<string, string> = {
  email: 'Enter a valid email address.',
  'date-time': 'Enter a date and time as in RFC 3339, such as 2024-02-29T08:30:00Z.',
}

type Reader = (error: ErrorObject) => Omit<Fault, 'pointer'> & { pointer?: string }

const child = (error: ErrorObject, name: string) =>
  `${error.instancePath}/${name.slice(0, 100).replaceAll('~', '~0').replaceAll('/', '~1')}`

const READERS: Record<string, Reader> = {
  type: typeFault,
  required: (error) => ({
    pointer: child(error, error.params.missingProperty),
    code: 'required',
    detail: 'This field is required.',
  }),
  additionalProperties: (error) => ({
    pointer: child(error, error.params.additionalProperty),
    code: 'unknown',
    detail: 'There is no such field.',
  }),
  minLength: () => ({ code: 'blank', detail: 'This field may not be blank.' }),
  maxLength: ({ params }) => ({
    code: 'max_length',
    detail: `Ensure this field has no more than ${params.limit} characters.`,
  }),
  pattern: ({ parentSchema }) => ({
    code: 'invalid',
    detail: parentSchema?.['x-pattern-message'] ?? 'Enter a valid value.',
  }),
  format: ({ params }) => ({
    code: 'invalid',
    detail: FORMAT_MESSAGES[params.format] ?? 'Enter a valid value.',
  }),
  enum: ({ params }) => ({
    code: 'invalid_choice',
    detail: `Must be one of: ${params.allowedValues.join(', ')}.`,
  }),
  uniqueItems: ({ data, params }) => ({
    code: 'duplicate',
    detail: `The list names ${(data as unknown[])[params.i]} more than once.`,
  }),
  maxItems: ({ params }) => ({
    code: 'max_items',
    detail: `Ensure the list has no more than ${params.limit} items.`,
  }),
  minimum: () => ({ code: 'does_not_exist', detail: 'Invalid id: it does not exist.' }),
  maximum: () => ({ code: 'does_not_exist', detail: 'Invalid id: it does not exist.' }),
}

function typeFault({ data, params }: ErrorObject) {
  if (data === null) return { code: 'null', detail: 'This field may not be null.' }
  const [type] = [params.type].flat() as string[]
  return {
    code: type === 'array' ? 'not_a_list' : 'invalid_type',
    detail: TYPE_MESSAGES[type!] ?? 'Of the wrong type.',
  }
}

/**
 * The faults of a body, one for each pointer and code. Of several alternatives (`anyOf`) the
 * first one's fault tells what was wanted.
 */
export function faultsOf(errors: readonly ErrorObject[]): Fault[] {
  const faults = new Map<string, Fault>()
  for (const error of errors) {
    const isOtherAlternative = /\/anyOf(?:\/[1-9]\d*\/|$)/.test(error.schemaPath)
    const read = READERS[error.keyword]
    if (isOtherAlternative) continue
    const {
      pointer = error.instancePath,
      code,
      detail,
    } = read?.(error) ?? { code: 'invalid', detail: error.message! }
    faults.set(`${pointer} ${code}`, { pointer, code, detail })
  }
  return [...faults.values()]
}
