/** The contract as it was handed over, field by field: what must be published and kept, whatever else is. */

export interface ContractField {
  title?: string
  type: 'integer' | 'string' | 'boolean' | 'array'
  minLength?: number
  maxLength?: number
  format?: string
  uniqueItems?: boolean
}

export const CONTRACT: Record<string, ContractField> = {
  id: { title: 'ID', type: 'integer' },
  password: { title: 'Password', type: 'string', minLength: 1, maxLength: 128 },
  last_login: { title: 'Last login', type: 'string', format: 'date-time' },
  is_superuser: { title: 'Superuser status', type: 'boolean' },
  username: { type: 'string', minLength: 1, maxLength: 150 },
  first_name: { title: 'First name', type: 'string', maxLength: 30 },
  last_name: { title: 'Last name', type: 'string', maxLength: 150 },
  email: { title: 'Email address', type: 'string', format: 'email', maxLength: 254 },
  is_staff: { title: 'Staff status', type: 'boolean' },
  is_active: { title: 'Active', type: 'boolean' },
  date_joined: { title: 'Date joined', type: 'string', format: 'date-time' },
  groups: { type: 'array', uniqueItems: true },
  user_permissions: { type: 'array', uniqueItems: true },
}

export const FIELDS = Object.keys(CONTRACT)

/** What `PATCH_REQUIRED` may demand: the fields that the contract prints as required. */
export const REQUIRABLE = ['username', 'password']

/** `first_name` alone may be longer where a deployment says so: up to the column of today's Django. */
export const WIDEST_FIRST_NAME = 150

/** `/^[\w.@+-]+$/` by example, `\w` as in Python. */
export const USERNAMES = {
  valid: [
    'ada',
    'Ada_Lovelace',
    'a.b@c+d-e_f',
    '0',
    '_',
    'Ünïcödé',
    '山田太郎',
    'мария',
    'שרה',
    '٣',
    'x'.repeat(150),
  ],
  invalid: [
    '',
    'a b',
    'a/b',
    'a!',
    'a#b',
    'a$',
    'a\u0000b',
    'a\nb',
    'naïve☃',
    'a,b',
    "o'hara",
    'x'.repeat(151),
  ],
}
