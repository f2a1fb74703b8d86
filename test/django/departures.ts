/** Where we answer otherwise than Django REST Framework did, and the rule that says why. */
import { SERVERS } from './departures-in-servers.js'
import { VALUES } from './departures-in-values.js'

export interface Departure {
  /** A file of `docs/decisions/`, and what it says there: for the table of 0003, how the row begins. */
  rule: [file: string, says: string]
  /** What we answer. A refusal has changed nothing. */
  status: number
  /** Columns, tables and members that differ where we do not refuse; nothing else may. */
  only?: string[]
  /** Names of cases; one that ends in `*` stands for all that begin so. */
  cases: string[]
}

const DRF = '0003-departures-from-drf.md'

/** Departures in how requests are made, and in what they may do. */
const REQUESTS: Departure[] = [
  {
    rule: [DRF, 'Forms and multipart bodies are taken'],
    status: 415,
    cases: [
      'content type: form with a JSON body',
      'content type: multipart with a JSON body, no boundary',
      'multipart: one field',
      'multipart: two fields and groups',
      'multipart: file for groups',
      'multipart: file for an unknown field',
      'multipart: file for is_active',
      'multipart: newline in a value',
      'multipart: value with spaces around',
      'multipart: no boundary',
      'multipart: quoted boundary',
      'multipart: is_staff true',
      'multipart: NUL in a value',
      'multipart: 1001 fields',
      'POST form minimal',
      'form: *',
    ],
  },
  {
    rule: [DRF, 'Latin-1 is decoded'],
    status: 415,
    cases: [
      'latin-1 with charset',
      'UTF-8 body called latin-1',
      'UTF-8 body called ascii',
      'unknown charset falls back to UTF-8',
      'charset that is not a text codec',
    ],
  },
  { rule: [DRF, 'A compressed body is read'], status: 415, cases: ['content encoding: gzip body'] },
  {
    rule: [DRF, 'A body of 1 MB is read'],
    status: 413,
    cases: [
      'first_name: 1 MB of x',
      'first_name: 1 MB of spaces',
      'email: 1 MB of x',
      'password: 1 MB of x',
      'date_joined: 1 MB of digits',
      '1 MB of spaces before the document',
    ],
  },
  { rule: ['0016-entity-tags.md', 'then 412'], status: 412, cases: ['If-Match is ignored'] },
  {
    rule: ['0017-patch-formats.md', '**Merge patch is plain JSON here.**'],
    status: 200,
    only: ['detail', 'first_name', 'status'],
    cases: ['content type: merge-patch'],
  },
  {
    rule: ['0017-patch-formats.md', '**JSON Patch is a revision**'],
    status: 400,
    cases: ['content type: json-patch'],
  },
  {
    rule: ['0019-what-ends.md', 'On deactivation both are revoked'],
    status: 200,
    only: ['authtoken_token'],
    cases: ['is_active: JSON false', 'privilege: admin deactivates himself'],
  },
  {
    rule: [DRF, '`1e400` as an id, or deep nesting: 500'],
    status: 400,
    cases: [
      'groups: JSON [1e400]',
      'groups: JSON [-1e400]',
      'user_permissions: JSON [1e400]',
      'nesting of 500 in groups',
      'nesting of 100000 arrays',
      'nesting of 100000 objects',
    ],
  },
  {
    rule: [DRF, 'Basic authentication'],
    status: 401,
    cases: [
      'basic: plain pbkdf2 user: refused but rehashed',
      'basic: NUL in the user name',
      'basic: unicode user in latin-1',
      'basic: lower-case keyword',
    ],
  },
  {
    rule: [DRF, '`change_user` is enough to make oneself superuser'],
    status: 403,
    cases: [
      'privilege: sam makes alice a superuser',
      'privilege: sam makes himself a superuser',
      'privilege: sam grants himself every permission',
      'privilege: gail joins another group',
      'privilege: sam renames the superuser',
      'POST by vera, a superuser',
    ],
  },
  {
    rule: [DRF, 'Any staff user may read users'],
    status: 403,
    cases: ['order: staff without permission reads'],
  },
  {
    rule: [DRF, '401 or 403 before 405'],
    status: 405,
    cases: ['order: no permission and method not allowed', 'order: change_user only and POST on the object'],
  },
  {
    rule: [DRF, 'Permissions can be made, renamed and deleted'],
    status: 405,
    cases: [
      'permissions: create',
      'permissions: create duplicate codename',
      'permissions: rename',
      'permissions: content type empty string',
      'permissions: delete a used permission',
    ],
  },
  {
    rule: [DRF, 'The ids `06`, `+6` and `%206` of a URL'],
    status: 404,
    cases: [
      'path id: 06',
      'path id: +6',
      'path id: %2B6',
      'path id: leading space',
      'path id: trailing no-break space',
      'path id: thousand zeros before 6',
      'path id: underscore inside zeros',
    ],
  },
  { rule: [DRF, 'A URL without the final slash'], status: 404, cases: ['missing slash: PATCH unknown id'] },
  {
    rule: [DRF, 'A URL without the final slash'],
    status: 200,
    only: ['first_name', 'status'],
    cases: ['missing slash: host of another site'],
  },
  {
    rule: [DRF, '404 for an unknown user, before the body'],
    status: 400,
    cases: ['unknown id with invalid data'],
  },
  { rule: [DRF, 'PATCH of a list is 405'], status: 400, cases: ['method PATCH on the list'] },
  {
    rule: [DRF, 'PUT leaves what is absent'],
    status: 200,
    only: [
      'auth_user_groups',
      'auth_user_user_permissions',
      'email',
      'first_name',
      'groups',
      'last_login',
      'last_name',
      'user_permissions',
    ],
    cases: ['PUT required fields only'],
  },
  { rule: [DRF, 'An `id` in the body of a POST is ignored'], status: 400, cases: ['POST with id'] },
  { rule: [DRF, '`page` given twice'], status: 400, cases: ['GET list odd ?page=1&page=99'] },
  {
    rule: [DRF, 'An `ordering`, a `search` or a filter'],
    status: 200,
    only: ['count', 'next', 'results'],
    cases: ['GET list ?search=bob', 'GET list ?ordering=-id', 'GET list ?username=bob'],
  },
  {
    rule: [DRF, 'Unknown query parameters are ignored'],
    status: 400,
    cases: ['?format=xml', '?format=JSON', 'GET list ?limit=2&offset=1'],
  },
  {
    rule: [DRF, 'Unknown query parameters are ignored'],
    status: 401,
    cases: ['order: anonymous and ?format=xml'],
  },
  {
    rule: [DRF, "A group's and a user's permissions come in the order"],
    status: 200,
    only: ['user_permissions'],
    cases: [
      'user_permissions: JSON [5, 9, 13]',
      'user_permissions: JSON [32, 29, 4, 21]',
      'user_permissions: all 32',
      'user_permissions: all 32 reversed',
    ],
  },
  {
    rule: [DRF, "A group's and a user's permissions come in the order"],
    status: 201,
    only: ['user_permissions'],
    cases: ['POST groups and permissions'],
  },
]

export const DEPARTURES: Departure[] = [...REQUESTS, ...VALUES, ...SERVERS]
