/** Values by a schema: those that it allows, and those that break exactly one of its keywords. */
import { Ajv2020 } from 'ajv/dist/2020.js'
import fc, { type Arbitrary } from 'fast-check'

/** The keywords that the schemas of this project use. One that is not listed here makes the tests fail. */
export interface FieldSchema {
  type: string | string[]
  format?: string
  pattern?: string
  minLength?: number
  maxLength?: number
  minimum?: number
  maximum?: number
  uniqueItems?: boolean
  maxItems?: number
  items?: FieldSchema
  anyOf?: { format?: string; maxLength?: number }[]
  'x-normalize'?: string[]
}

const ajv = new Ajv2020({ strict: false, validateFormats: false })

/** Whether a value is allowed by everything but `format`. */
const isAllowed = (schema: FieldSchema, value: unknown): boolean => ajv.validate(schema, value)

const matches = (schema: FieldSchema, text: string) => new RegExp(schema.pattern ?? '', 'u').test(text)

/** JavaScript's white space as Python has it. */
const EDGE = '(?:(?!\\ufeff)[\\s\\x1c-\\x1f\\x85])+'
const EDGES = new RegExp(`^${EDGE}|${EDGE}$`, 'g')

/** What a field makes of a text: written anew, so that the service is compared with something. */
export function normalized(schema: FieldSchema, text: string): string {
  const stripped = schema['x-normalize']?.includes('strip') ? text.replace(EDGES, '') : text
  return schema['x-normalize']?.includes('NFKC') ? stripped.normalize('NFKC') : stripped
}

// Surrogate pairs, bidirectional marks, ligatures, combining marks, invisible and NFKC-unstable characters.
const AWKWARD = [
  'é',
  'e\u0301',
  'ß',
  'İ',
  'ﬁ',
  '①',
  '²',
  '𝒳',
  '😀',
  '👩\u200d👧',
  '\u202e',
  '\u200b',
  'ǅ',
  '山',
  'ا',
  '٣',
  '\u00a0',
  '\u3000',
  '\ufeff',
  '\u0085',
  '\t',
  '\n',
  '\u001c',
  '"',
  '\\',
  "'",
  '<',
  '&',
  '%',
  '$',
  '{',
  '\u007f',
  '\uffff',
  '\u2028',
  'ﷺ',
]

/** One character or so, of any script; no NUL and no lone surrogate. */
export const anyCharacter: Arbitrary<string> = fc.oneof(
  { weight: 4, arbitrary: fc.constantFrom(...'abcXYZ019_.@+- ') },
  { weight: 2, arbitrary: fc.constantFrom(...AWKWARD) },
  {
    weight: 1,
    arbitrary: fc.string({ unit: 'binary', minLength: 1, maxLength: 1 }).filter((text) => text !== '\u0000'),
  },
)

/** A text of at most `maxLength` characters, often of just as many. */
export const anyText = (maxLength: number, character = anyCharacter): Arbitrary<string> => {
  const ofLength = (minLength: number) =>
    fc
      .array(character, { minLength, maxLength, size: 'max' })
      .map((parts) => [...parts.join('')].slice(0, maxLength).join(''))
  return fc
    .oneof(
      {
        weight: 3,
        arbitrary: fc.array(character, { maxLength: Math.min(20, maxLength) }).map((parts) => parts.join('')),
      },
      { weight: 1, arbitrary: ofLength(maxLength) },
    )
    .map((text) => [...text].slice(0, maxLength).join(''))
}

const spaces = anyText(3, fc.constantFrom(' ', '\t', '\n', '\u00a0', '\u2003', '\u0085'))

const allowedText = (schema: FieldSchema): Arbitrary<string> => {
  const character = anyCharacter.filter((text) => matches(schema, text))
  const core = anyText(schema.maxLength!, character)
  const padded = schema['x-normalize'] ? fc.tuple(spaces, core, spaces).map((parts) => parts.join('')) : core
  return padded.filter((text) => isAllowed(schema, normalized(schema, text)))
}

const emailText: Arbitrary<string> = fc
  .oneof(
    { weight: 1, arbitrary: fc.constant('') },
    { weight: 4, arbitrary: fc.emailAddress() },
    { weight: 2, arbitrary: fc.emailAddress().map((address) => address.toUpperCase()) },
  )
  .filter(({ length }) => length <= 254)

const two = (value: number) => String(value).padStart(2, '0')

/** An instant, in one of the many ways of writing it, and as it is answered. */
const instant: Arbitrary<{ sent: string; kept: string }> = fc
  .record({
    date: fc.date({
      min: new Date('0001-01-02T00:00:00Z'),
      max: new Date('9999-12-30T00:00:00Z'),
      noInvalidDate: true,
    }),
    fraction: fc.oneof(fc.constant(''), fc.stringMatching(/^[0-9]{1,9}$/)),
    offset: fc.option(fc.tuple(fc.constantFrom('+', '-'), fc.nat(23), fc.nat(59))),
  })
  .map(({ date, fraction, offset }) => {
    const [sign, hours, minutes] = offset ?? ['+', 0, 0]
    const shift = (sign === '-' ? -1 : 1) * (hours * 60 + minutes) * 60_000
    const seconds = (time: Date) => time.toISOString().slice(0, 19)
    const local = seconds(new Date(date.getTime() + shift))
    const micros = fraction.slice(0, 6).padEnd(6, '0')
    return {
      sent: `${local}${fraction && `.${fraction}`}${offset ? `${sign}${two(hours)}:${two(minutes)}` : 'Z'}`,
      kept: `${seconds(date)}${micros === '000000' ? '' : `.${micros}`}Z`,
    }
  })

/** A value as it is sent, and as it is read afterwards. */
export interface Sample {
  sent: unknown
  kept: unknown
}

const unchanged = (value: unknown): Sample => ({ sent: value, kept: value })

/** Every value that a schema allows; of arrays, those with the ids that exist. */
export function allowed(schema: FieldSchema, existing: number[] = []): Arbitrary<Sample> {
  if (Array.isArray(schema.type)) {
    const [type = '', other] = schema.type
    if (other !== 'null') throw new Error(`no values for ${schema.type}`)
    return fc.oneof(
      { weight: 1, arbitrary: fc.constant(unchanged(null)) },
      { weight: 4, arbitrary: allowed({ ...schema, type }) },
    )
  }
  if (schema.type === 'boolean') return fc.boolean().map(unchanged)
  if (schema.type === 'array') {
    return fc.shuffledSubarray(existing).map((sent) => ({ sent, kept: sent.toSorted((a, b) => a - b) }))
  }
  if (schema.type !== 'string') throw new Error(`no values for ${schema.type}`)
  if (schema.format === 'date-time') return instant
  if (schema.anyOf?.some(({ format }) => format === 'email')) {
    const lowerDomain = (address: string) => address.replace(/@[^@]*$/, (domain) => domain.toLowerCase())
    return fc.tuple(spaces, emailText, spaces).map(([before, text, after]) => ({
      sent: before + text + after,
      kept: lowerDomain(text),
    }))
  }
  return allowedText(schema).map((sent) => ({ sent, kept: normalized(schema, sent) }))
}

const anyJson: Arbitrary<unknown> = fc.oneof(
  fc.constant(null),
  fc.boolean(),
  fc.integer(),
  fc.double({ noNaN: true, noDefaultInfinity: true }),
  fc.string(),
  fc.array(fc.jsonValue(), { maxLength: 3 }),
  fc.dictionary(fc.string(), fc.jsonValue(), { maxKeys: 3 }),
)

const NO_INSTANTS = fc.oneof(
  fc.string({ maxLength: 30 }).filter((text) => !/^\d{4}-/.test(text)),
  instant.chain(({ sent }) =>
    fc.constantFrom(
      sent.replace(/(?:Z|.{6})$/, ''),
      sent.replace('T', ' '),
      sent.replace('T', 't'),
      sent.replace(/^.{10}T.*/, '0000-12-31T00:00:00Z'),
      sent.replace(/-\d\d-/, '-13-'),
      sent.replace(/-\d\dT/, '-32T'),
      sent.replace(/T\d\d/, 'T24'),
      sent.replace(/T(..):../, 'T$1:60'),
      sent.replace(/T(..:..):../, 'T$1:60'),
      sent.replace(/(?:Z|.{6})$/, '+24:00'),
      ` ${sent}`,
      `${sent}\n`,
      sent.slice(1),
      `+${sent}`,
      sent.replace(/^....-..-../, '2023-02-29'),
    ),
  ),
)

const NO_EMAILS = fc.oneof(
  fc.string({ minLength: 1 }).filter((text) => !text.includes('@') && text.trim() !== ''),
  fc
    .emailAddress()
    .chain((address) =>
      fc.constantFrom(
        `.${address}`,
        `${address}.`,
        address.replace('@', '@@'),
        address.replace('@', '@.'),
        address.replace('@', ' @'),
        `${address}\u0000`,
        address.replace(/@.*/, '@nowhere'),
        address.replace(/@.*/, '@'),
        address.replace(/.*@/, '@'),
        `<${address}>`,
        `${address},${address}`,
        `\ud800${address}`,
        address.replace('@', '@-'),
      ),
    ),
)

const typeChecks = new Map<string, (value: unknown) => boolean>()

/** Compiled once for each: there are few, and they are asked for often. */
function checkOfType(type: string | string[]): (value: unknown) => boolean {
  const check = typeChecks.get(String(type)) ?? ajv.compile({ type })
  typeChecks.set(String(type), check)
  return check
}

/** By keyword: values that break this keyword of the schema, and no other one but by necessity. */
export function broken(schema: FieldSchema, existing: number[] = []): Record<string, Arbitrary<unknown>> {
  const types = new Set([schema.type].flat())
  const isOfType = checkOfType(schema.type)
  const faults: Record<string, Arbitrary<unknown>> = { type: anyJson.filter((value) => !isOfType(value)) }
  if (types.has('string')) Object.assign(faults, brokenText(schema))
  if (types.has('array')) Object.assign(faults, brokenList(schema, existing))
  if (schema.minimum !== undefined) faults.minimum = fc.integer({ max: schema.minimum - 1 })
  if (schema.maximum !== undefined)
    faults.maximum = fc.constantFrom(schema.maximum + 1, schema.maximum * 2, 1e300)
  return faults
}

function brokenText(schema: FieldSchema): Record<string, Arbitrary<unknown>> {
  const { pattern, minLength, maxLength, format, anyOf } = schema
  const faults: Record<string, Arbitrary<unknown>> = {}
  if (minLength === 1) faults.minLength = schema['x-normalize'] ? spaces : fc.constant('')
  if (maxLength !== undefined && anyOf === undefined) {
    const letter = fc.constantFrom('a', 'Z', '0', '山', '𝒳', 'é')
    faults.maxLength = fc
      .array(letter, { minLength: maxLength + 1, maxLength: maxLength + 20, size: 'max' })
      .map((parts) => parts.join(''))
  }
  if (maxLength !== undefined && anyOf !== undefined) {
    faults.maxLength = fc
      .integer({ min: maxLength + 1, max: maxLength + 50 })
      .map((length) => `${'a'.repeat(length - 12)}@example.com`)
  }
  if (pattern !== undefined) {
    const anything = fc.oneof(
      anyCharacter,
      fc.constantFrom('\u0000', '\ud800', '\udfff', '\ude00\ud83d', '/', '☃'),
    )
    const forbidden = anything.filter((text) => !matches(schema, `a${normalized(schema, text)}a`))
    // Between two letters, where no normalisation takes it away.
    faults.pattern = fc
      .tuple(anyText(10, fc.constantFrom('a', 'b')), forbidden, anyText(10, fc.constantFrom('a', 'b')))
      .map(([before, text, after]) => `a${before}${text}${after}a`)
      .filter((text) => !matches(schema, normalized(schema, text)))
  }
  if (format === 'date-time') faults.format = NO_INSTANTS
  if (anyOf?.some((alternative) => alternative.format === 'email')) faults['anyOf email'] = NO_EMAILS
  return faults
}

function brokenList(
  { items, maxItems, uniqueItems }: FieldSchema,
  existing: number[],
): Record<string, Arbitrary<unknown>> {
  const some = fc.shuffledSubarray(existing)
  const withItem = (item: Arbitrary<unknown>) =>
    fc
      .tuple(some, item, fc.nat())
      .map(([ids, value, place]) => ids.toSpliced(place % (ids.length + 1), 0, value as number))
  const faults: Record<string, Arbitrary<unknown>> = {
    'of what does not exist': withItem(fc.integer({ min: Math.max(...existing) + 1, max: items!.maximum! })),
  }
  for (const [keyword, item] of Object.entries(broken(items!))) faults[`items ${keyword}`] = withItem(item)
  if (uniqueItems) {
    faults.uniqueItems = fc
      .shuffledSubarray(existing, { minLength: 1 })
      .chain((ids) => fc.constantFrom(...ids).map((id) => [...ids, id]))
  }
  if (maxItems !== undefined) {
    faults.maxItems = fc
      .nat(5)
      .map((more) => Array.from({ length: maxItems + 1 + more }, (_, index) => index + 1))
  }
  return faults
}
