/**
 * The vocabulary of the contract: what one value may be, written once. Everything else (bodies, answers,
 * validation, types, OpenAPI) is put together from these.
 */
import { type SchemaOptions, type TSchema, type TUnsafe, Type } from '@sinclair/typebox'

/** What a text loses before it is validated and stored. Django's forms, fields and managers do the same. */
export type Normalization = 'strip' | 'NFKC'

declare module '@sinclair/typebox' {
  interface SchemaOptions {
    /** Normalisations applied to a text before it is validated, in this order. */
    'x-normalize'?: Normalization[]
    /** What is said where `pattern` does not match. */
    'x-pattern-message'?: string
  }
}

/** Ids beyond this lose digits in JavaScript and in every JSON reader that follows it (RFC 8259 §6). */
export const MAX_ID = Number.MAX_SAFE_INTEGER

/** Characters of an e-mail address: the width of Django's column. */
export const MAX_EMAIL_LENGTH = 254

/** Characters of `app_label.codename`, at most: the widths of Django's columns, and the dot. */
export const MAX_PERMISSION_NAME_LENGTH = 201

/** The most ids that one set (groups, permissions) may name: bounded before its items are looked at. */
export const MAX_SET_SIZE = 10_000

// PostgreSQL stores no NUL, and an unpaired surrogate has no UTF-8 form.
const text = {
  pattern: '^[^\\u0000\\p{Cs}]*$',
  'x-pattern-message': 'Null characters and unpaired surrogates are not allowed.',
} as const

// Python's \w is letters and digits of any script; JavaScript's is ASCII alone.
const username = {
  pattern: '^[\\p{L}\\p{N}_.@+-]+$',
  'x-pattern-message':
    'Enter a valid username. This value may contain only letters, digits and the characters @ . + - _',
} as const

/** `schema` or null. A `type` list, since answers with it are serialised without trying out branches. */
export const nullable = (schema: { type: string } & SchemaOptions): TUnsafe<string | null> =>
  Type.Unsafe<string | null>({ ...schema, type: [schema.type, 'null'] })

/** A number that identifies something. */
export const id = (options: SchemaOptions = {}) =>
  Type.Integer({ minimum: 1, maximum: MAX_ID, format: 'int64', ...options })

/** A set of ids, as a request may write it. */
export const idSet = (options: SchemaOptions) =>
  Type.Array(id(), { uniqueItems: true, maxItems: MAX_SET_SIZE, ...options })

/** An instant (RFC 3339). */
export const instant = (options: SchemaOptions = {}) => Type.String({ format: 'date-time', ...options })

// Titles as the contract prints them: it has none for the username and the sets.
const texts = {
  id: { title: 'ID', description: 'The number that identifies the user. It never changes.', examples: [1] },
  username: {
    description:
      'The unique name the user logs in with. Letters and digits of any script, and the characters @ . + - _',
    examples: ['ada.lovelace'],
  },
  first_name: { title: 'First name', description: 'Given name.', examples: ['Ada'] },
  last_name: { title: 'Last name', description: 'Family name.', examples: ['Lovelace'] },
  email: {
    title: 'Email address',
    description: 'Where mail reaches the user; may be empty. The domain is kept in lower case.',
  },
  last_login: {
    title: 'Last login',
    description: 'When the user last logged in; null where that never happened.',
    examples: ['2024-02-29T08:30:00Z'],
  },
  is_superuser: {
    title: 'Superuser status',
    description: 'A superuser holds every permission, without any being assigned.',
  },
  is_staff: {
    title: 'Staff status',
    description: 'Only staff may log in to the admin site and use this API.',
  },
  is_active: {
    title: 'Active',
    description:
      'An inactive user is treated as absent: holds no permission and authenticates nowhere. ' +
      'Deactivate accounts rather than deleting them.',
    examples: [true],
  },
  date_joined: {
    title: 'Date joined',
    description: 'When the account was made.',
    examples: ['2024-01-15T09:00:00Z'],
  },
  groups: {
    description:
      'The ids of the groups that the user belongs to. ' +
      'Members hold every permission of each of their groups, beside their own.',
    examples: [[1, 2]],
  },
  user_permissions: {
    description: "The ids of the permissions given to this user alone, beside the groups'.",
    examples: [[3]],
  },
} as const satisfies Record<string, SchemaOptions>

/** What differs between deployments; all of it ends up in the published document. */
export interface FieldLimits {
  /** Characters of `first_name`: the contract's 30, up to the column's width. */
  firstNameMaxLength: number
  /** Characters that columns hold, where some are narrower than those of Django today; null for no limit. */
  columnWidths?: Partial<Record<'username' | 'last_name' | 'email' | 'group_name', number | null>> | undefined
}

/** The limit of a text, or the width of its column where that is less. */
export const fitting = (limit: number, width: number | null | undefined): number =>
  Math.min(limit, width ?? limit)

/** An id in a URL: ASCII digits, as `id` has no other form there. */
export const idText = (options: SchemaOptions = {}) =>
  Type.String({ pattern: '^[1-9][0-9]{0,15}$', 'x-pattern-message': 'must be an id', ...options })

/** Text that PostgreSQL can store. */
export const storableText = (options: SchemaOptions = {}) => Type.String({ ...text, ...options })

/** The fields of a user as a request may write them: the contract's constraints. */
export const writableUserFields = ({ firstNameMaxLength, columnWidths = {} }: FieldLimits) => ({
  id: id({ ...texts.id, description: `${texts.id.description} In a body it must equal the id of the URL.` }),
  password: Type.String({
    ...text,
    title: 'Password',
    minLength: 1,
    maxLength: 128,
    description:
      'The new password in plain text. It is hashed and never shown again. ' +
      "The mask that was read (`argon2$********`) leaves the user's password as it is.",
    examples: ['correct horse battery staple'],
  }),
  last_login: nullable(instant(texts.last_login)),
  is_superuser: Type.Boolean({ ...texts.is_superuser, examples: [false] }),
  username: Type.String({
    ...username,
    ...texts.username,
    minLength: 1,
    maxLength: fitting(150, columnWidths.username),
    description: `${texts.username.description} Surrounding white space is removed, and the name is NFKC-normalised.`,
    'x-normalize': ['strip', 'NFKC'],
  }),
  first_name: Type.String({
    ...text,
    ...texts.first_name,
    maxLength: firstNameMaxLength,
    'x-normalize': ['strip'],
  }),
  last_name: Type.String({
    ...text,
    ...texts.last_name,
    maxLength: fitting(150, columnWidths.last_name),
    'x-normalize': ['strip'],
  }),
  email: Type.Unsafe<string>({
    ...texts.email,
    type: 'string',
    maxLength: fitting(MAX_EMAIL_LENGTH, columnWidths.email),
    anyOf: [{ format: 'email' }, { maxLength: 0 }],
    examples: ['ada@example.com'],
    'x-normalize': ['strip'],
  }),
  is_staff: Type.Boolean({ ...texts.is_staff, examples: [true] }),
  is_active: Type.Boolean(texts.is_active),
  date_joined: instant(texts.date_joined),
  groups: idSet(texts.groups),
  user_permissions: idSet(texts.user_permissions),
})

/**
 * The fields of a user as they are read. Wider than what may be written: a Django table may hold names that
 * were stored under other rules, and what is published must accept everything that is answered.
 */
export const readableUserFields = () => ({
  id: id(texts.id),
  password: Type.String({
    title: 'Password',
    minLength: 1,
    maxLength: 128,
    description: 'The hash algorithm and a mask, or `!` where no password is usable. Never the hash itself.',
    examples: ['argon2$********'],
  }),
  last_login: nullable(instant(texts.last_login)),
  is_superuser: Type.Boolean({ ...texts.is_superuser, examples: [false] }),
  username: Type.String({ ...texts.username, maxLength: 150 }),
  first_name: Type.String({ ...texts.first_name, maxLength: 150 }),
  last_name: Type.String({ ...texts.last_name, maxLength: 150 }),
  email: Type.String({ ...texts.email, maxLength: MAX_EMAIL_LENGTH, examples: ['ada@example.com'] }),
  is_staff: Type.Boolean({ ...texts.is_staff, examples: [true] }),
  is_active: Type.Boolean(texts.is_active),
  date_joined: instant(texts.date_joined),
  groups: Type.Array(id(), { ...texts.groups, uniqueItems: true }),
  user_permissions: Type.Array(id(), { ...texts.user_permissions, uniqueItems: true }),
})

export type Fields = Record<string, TSchema>
